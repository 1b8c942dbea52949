{{/* Values that are absent get their defaults: `helm upgrade --reuse-values` brings those of the older chart alone. Each template begins with it, for Helm renders them in any order. */}}
{{- define "llmwright.defaults" -}}
{{- range $key, $value := mergeOverwrite (.Files.Get "files/defaults.yaml" | fromYaml) (deepCopy .Values) -}}
{{- $_ := set $.Values $key $value -}}
{{- end -}}
{{- end }}
