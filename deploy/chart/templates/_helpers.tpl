{{- define "vigia.labels" -}}
app.kubernetes.io/part-of: vigia
{{- end -}}

{{- /* The image of a program of ours. */ -}}
{{- define "vigia.image" -}}
{{- $image := .root.Values.image -}}
{{- with $image.registry }}{{ . }}/{{ end }}{{ .name }}:{{ $image.tag }}
{{- end -}}
