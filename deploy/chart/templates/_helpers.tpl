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

{{- /* How probes of the broker talk TLS. */ -}}
{{- define "vigia.probeTls" -}}
{{- if .Values.redis.tls }}--tls, --cacert, /etc/redis/tls/ca.crt, {{ end -}}
{{- if .Values.redis.clientCertificates }}--cert, /etc/redis/tls/tls.crt, --key, /etc/redis/tls/tls.key, {{ end -}}
{{- end -}}

{{- /* What a client of the broker is told of TLS. */ -}}
{{- define "vigia.brokerTlsVariables" -}}
- name: REDIS_CA_FILE
  value: /etc/vigia/redis-ca/ca.crt
{{- if .Values.redis.clientCertificates }}
- name: REDIS_CERT_FILE
  value: /etc/vigia/redis-tls/tls.crt
- name: REDIS_KEY_FILE
  value: /etc/vigia/redis-tls/tls.key
{{- end }}
{{- end -}}

{{- /* And where the files are. */ -}}
{{- define "vigia.brokerTlsMounts" -}}
- name: redis-ca
  mountPath: /etc/vigia/redis-ca
  readOnly: true
{{- if .Values.redis.clientCertificates }}
- name: redis-tls
  mountPath: /etc/vigia/redis-tls
  readOnly: true
{{- end }}
{{- end -}}

{{- /* And what is in them, for a program. */ -}}
{{- define "vigia.brokerTlsVolumes" -}}
- name: redis-ca
  configMap:
    name: redis-ca
{{- if .root.Values.redis.clientCertificates }}
- name: redis-tls
  secret:
    secretName: {{ .name }}-redis-tls
{{- end }}
{{- end -}}

{{- /* The token: a Secret of its own is a file, which is read again; the pods are restarted with a generated one. */ -}}
{{- define "vigia.tokenVariable" -}}
{{- if .Values.analytics.token.existingSecret -}}
- name: ANALYTICS_TOKEN_FILE
  value: /etc/vigia/token/token
{{- else -}}
- name: ANALYTICS_TOKEN
  valueFrom:
    secretKeyRef:
      name: analytics-token
      key: token
{{- end -}}
{{- end -}}

{{- define "vigia.tokenMount" -}}
- name: token
  mountPath: /etc/vigia/token
  readOnly: true
{{- end -}}

{{- define "vigia.tokenVolume" -}}
- name: token
  secret:
    secretName: {{ .Values.analytics.token.existingSecret }}
{{- end -}}

{{- /* Where the broker is, behind a login. */ -}}
{{- define "vigia.brokerScheme" -}}
redis{{ if eq .Values.redis.mode "cluster" }}+cluster{{ end }}
{{- end -}}

{{- /* The servers of a cluster, as its script names them. */ -}}
{{- define "vigia.clusterNodes" -}}
{{- range $number := until 6 }}{{ if $number }} {{ end }}redis-{{ $number }}.redis-nodes:6379@16379{{ end -}}
{{- end -}}

{{- /* How its script talks TLS. */ -}}
{{- define "vigia.clusterOptions" -}}
- name: OPTIONS
  value: --tls --cacert /etc/redis/tls/ca.crt
{{- end -}}

{{- /* The broker, as network policies know it. */ -}}
{{- define "vigia.toBroker" -}}
{{- if eq .Values.redis.mode "external" -}}
- to:
    - ipBlock:
        cidr: {{ .Values.redis.external.cidr }}
  ports:
    - protocol: TCP
      port: {{ .Values.redis.external.port }}
{{- else -}}
- to:
    - podSelector:
        matchLabels:
          app: redis
  ports:
    - protocol: TCP
      port: 6379
{{- end -}}
{{- end -}}

{{- define "vigia.partitions" -}}
{{- if gt (int .Values.partitions) 1 }}
- name: STREAM_PARTITIONS
  value: {{ int .Values.partitions | quote }}
{{- end }}
{{- end -}}
