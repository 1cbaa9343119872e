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

{{- /* The generated token in base 64: what there is already, or each upgrade would lock out whoever knows it. Both pods are marked with
      it, so what is random is drawn once. */ -}}
{{- define "vigia.generatedToken" -}}
{{- $known := .Values.analytics.token -}}
{{- if not (hasKey $known "generated") -}}
{{- $found := default dict (lookup "v1" "Secret" .Release.Namespace "analytics-token") -}}
{{- $_ := set $known "generated" (dig "data" "token" (randAlphaNum 48 | b64enc) $found) -}}
{{- end -}}
{{- $known.generated -}}
{{- end -}}

{{- /* Pods whose token the chart generates are restarted together when it changes. */ -}}
{{- define "vigia.tokenChecksum" -}}
{{- if not .Values.analytics.token.existingSecret }}
annotations:
  checksum/token: {{ include "vigia.generatedToken" . | sha256sum }}
{{- end }}
{{- end -}}

{{- /* The broker's maxmemory in bytes, as Redis reads it. */ -}}
{{- define "vigia.maxmemory" -}}
{{- $size := .Values.redis.maxmemory -}}
{{- mul (regexFind "^[0-9]+" $size | int64) (ternary 1073741824 1048576 (hasSuffix "gb" $size)) -}}
{{- end -}}
