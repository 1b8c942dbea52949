{{/* The operator's settings: what the chart knows, and `settings` over it. */}}
{{- define "llmwright.settings" -}}
{{- $own := dict "provisioner" .Values.provisioner.name -}}
{{- $options := dict -}}
{{- range $name, $settings := omit .Values.provisioner "name" "inImage" "alsoAllowed" -}}
{{- if $settings }}{{ $_ := set $options $name $settings }}{{ end -}}
{{- end -}}
{{- if $options }}{{ $_ := set $own "plugins" (dict "provisioner" $options) }}{{ end -}}
{{- with .Values.provisioner.alsoAllowed }}{{ $_ := set $own "otherProvisioners" . }}{{ end -}}
{{- with .Values.imageRegistry }}{{ $_ := set $own "imageRegistry" . }}{{ end -}}
{{- with .Values.images }}{{ $_ := set $own "images" . }}{{ end -}}
{{- if .Values.webhook.enabled -}}
{{- $service := printf "%s/%s" .Release.Namespace (include "llmwright.name" .) -}}
{{- $webhook := dict "service" $service "servicePort" 443 "port" 9443 "failurePolicy" .Values.webhook.failurePolicy "timeout" .Values.webhook.timeout -}}
{{- $_ := set $own "webhook" $webhook -}}
{{- end -}}
{{- $settings := deepCopy .Values.settings -}}
{{- with .Values.workloads.imagePullSecrets -}}
{{- $_ := set $own "pods" (dict "spec" (dict "imagePullSecrets" .)) -}}
{{- $pods := $settings.pods -}}
{{- if and $pods (not (or (hasKey $pods "spec") (hasKey $pods "metadata"))) }}{{ $_ := set $settings "pods" (dict "spec" $pods) }}{{ end -}}
{{- end -}}
{{- mustMergeOverwrite (deepCopy $own) $settings | toYaml -}}
{{- end }}
