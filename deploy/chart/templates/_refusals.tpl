{{/* Mistakes that no schema can see; each is said before anything is applied. */}}
{{- define "llmwright.refuse" -}}
{{- range $key, $value := dict "provisioner" "provisioner.name" "otherProvisioners" "provisioner.alsoAllowed" "webhook" "webhook" "images" "images" "imageRegistry" "imageRegistry" -}}
{{- if hasKey $.Values.settings $key -}}
{{- fail (printf "\n\nsettings.%s: the chart writes it itself. Set %s of the values in its place." $key $value) -}}
{{- end -}}
{{- end -}}
{{- $name := .Values.provisioner.name -}}
{{- $shipped := (.Files.Get "files/rbac.yaml" | fromYaml).provisioners | keys | sortAlpha -}}
{{- if and (not (has $name $shipped)) (not .Values.plugins) (not .Values.provisioner.inImage) -}}
{{- fail (printf "\n\nprovisioner.name: the operator's image has no provisioner %q, and plugins names none that could bring it. The image has %s. Name the plugin: plugins: [{name: …, version: …, hashes: [sha256:…]}]; or, where an image of your own has it, set provisioner.inImage=true." $name (join ", " $shipped)) -}}
{{- end -}}
{{- range .Values.provisioner.alsoAllowed -}}
{{- if not (has . $shipped) -}}
{{- fail (printf "\n\nprovisioner.alsoAllowed: no rights are known for %q. The image has %s; give those of another by a ClusterRole with the label llmwright.io/for-plugins." . (join ", " $shipped)) -}}
{{- end -}}
{{- end -}}
{{- range $name, $settings := omit .Values.provisioner "name" "inImage" "alsoAllowed" -}}
{{- if and $settings (ne $name $.Values.provisioner.name) (not (has $name $.Values.provisioner.alsoAllowed)) -}}
{{- fail (printf "\n\nprovisioner.%s: these settings are for a provisioner that is not chosen. Set provisioner.name=%s, or add it to provisioner.alsoAllowed." $name $name) -}}
{{- end -}}
{{- end -}}
{{- end }}
