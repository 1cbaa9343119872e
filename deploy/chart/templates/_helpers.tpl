{{- define "vigia.labels" -}}
app.kubernetes.io/part-of: vigia
{{- end -}}

{{- /* The image of a program of ours. */ -}}
{{- define "vigia.image" -}}
{{- $image := .root.Values.image -}}
{{- with $image.registry }}{{ . }}/{{ end }}{{ .name }}:{{ $image.tag }}
{{- end -}}

{{- /* The Secret with the token that analytics demands. */ -}}
{{- define "vigia.tokenSecret" -}}
{{- default "analytics-token" .Values.analytics.token.existingSecret -}}
{{- end -}}

{{- /* The broker's maxmemory in bytes, as Redis reads it. */ -}}
{{- define "vigia.maxmemory" -}}
{{- $size := .Values.redis.maxmemory -}}
{{- mul (regexFind "^[0-9]+" $size | int64) (ternary 1073741824 1048576 (hasSuffix "gb" $size)) -}}
{{- end -}}
