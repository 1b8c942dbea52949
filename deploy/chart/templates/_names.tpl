{{/* The one name of all objects: the operator's Lease and ClusterRole have it too, so one cluster has one release. */}}
{{- define "llmwright.name" -}}llmwright-operator{{- end }}

{{- define "llmwright.account" -}}
{{- .Values.serviceAccount.name | default (include "llmwright.name" .) -}}
{{- end }}

{{- define "llmwright.selector" -}}
app.kubernetes.io/name: llmwright
app.kubernetes.io/component: operator
{{- end }}

{{- define "llmwright.labels" -}}
{{ include "llmwright.selector" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* An image: (dict "registry" PREFIX "image" {repository, tag, digest} "tag" TAG-WHERE-NONE). */}}
{{- define "llmwright.image" -}}
{{- $prefix := printf "%s/" (trimSuffix "/" .registry) -}}
{{- $repository := .image.repository -}}
{{- if and .registry (not (hasPrefix $prefix $repository)) -}}
{{- $repository = printf "%s%s" $prefix (regexReplaceAll "^([^/:]+):[0-9]+/" (trimPrefix "localhost/" $repository) "${1}/") -}}
{{- end -}}
{{- $repository -}}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .tag }}{{ end -}}
{{- end }}

{{- define "llmwright.operatorImage" -}}
{{- include "llmwright.image" (dict "registry" .Values.imageRegistry "image" .Values.image "tag" .Chart.AppVersion) -}}
{{- end }}

{{/* What Pod Security `restricted` asks of each container, and a root that nobody writes. */}}
{{- define "llmwright.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
