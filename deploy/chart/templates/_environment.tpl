{{/* Variables of both containers: the only folder that they may write, the proxy, the company's certificates. */}}
{{- define "llmwright.environment" -}}
- {name: HOME, value: /tmp}
{{- with .Values.proxy.http }}
- {name: HTTP_PROXY, value: {{ . | quote }}}
{{- end }}
{{- with .Values.proxy.https }}
- {name: HTTPS_PROXY, value: {{ . | quote }}}
{{- end }}
{{- if or .Values.proxy.http .Values.proxy.https }}
- {name: NO_PROXY, value: {{ join "," (concat (list "$(KUBERNETES_SERVICE_HOST)" ".svc" ".cluster.local" "localhost" "127.0.0.1") .Values.proxy.except) | quote }}}
{{- end }}
{{- if .Values.caBundle.configMap }}
- {name: SSL_CERT_FILE, value: /etc/ca-bundle/ca.crt}
- {name: REQUESTS_CA_BUNDLE, value: /etc/ca-bundle/ca.crt}
- {name: PIP_CERT, value: /etc/ca-bundle/ca.crt}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
