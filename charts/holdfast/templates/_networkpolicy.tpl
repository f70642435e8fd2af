{{/* An egress rule of { to, ports }; none without ports. */}}
{{- define "holdfast.egressRule" -}}
{{- if .ports }}
- ports:
    {{- range .ports }}
    - port: {{ . | int64 }}
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{/*
The ports of the broker, as a JSON list: the configured ones, or those of its URL, with the default of the scheme for hosts without one.
Empty if there is no server, or if the URL is unknown here because it is in a Secret.
*/}}
{{- define "holdfast.brokerPorts" -}}
{{- $ports := list }}
{{- range .Values.networkPolicy.egress.broker.ports }}
{{- $ports = append $ports (int64 .) }}
{{- end }}
{{- $url := .Values.broker.url }}
{{- /* The ports that the gateway connects to by default. */}}
{{- $defaults := dict "redis" 6379 "rediss" 6379 "redis+sentinel" 26379 "rediss+sentinel" 26379 "redis+cluster" 6379 "rediss+cluster" 6379 }}
{{- $defaults = merge $defaults (dict "kafka" 9092 "kafka+tls" 9092 "amqp" 5672 "amqps" 5671 "nats" 4222 "nats+tls" 4222 "postgres" 5432 "postgresql" 5432 "pubsub" 443) }}
{{- $scheme := regexFind "^[A-Za-z+]+" $url | lower }}
{{- /* What stands for the host in other URLs is the project here. */}}
{{- if eq $scheme "pubsub" }}
{{- $endpoint := regexFind "[?&]endpoint=[^&#]*" $url | regexFind "[^=]*$" | replace "%3A" ":" | replace "%3a" ":" }}
{{- $url = printf "pubsub://%s" (default "googleapis" $endpoint) }}
{{- end }}
{{- if and (not $ports) (hasKey $defaults $scheme) }}
{{- $default := get $defaults $scheme }}
{{- range regexReplaceAll "^[A-Za-z+]+://([^@/?#]*@)?([^@/?#]*).*$" $url "${2}" | splitList "," }}
{{- /* Colons within brackets belong to an IPv6 address. */}}
{{- $port := regexReplaceAll "^(\\[[^\\]]*\\]|[^:\\[\\]]+):?" . "" }}
{{- $ports = append $ports (default $default $port | int64) }}
{{- end }}
{{- /* Sentinels name the addresses of the Redis servers, which are unknown here. */}}
{{- if hasSuffix "+sentinel" $scheme }}
{{- $ports = append $ports (int64 6379) }}
{{- end }}
{{- end }}
{{- uniq $ports | toJson }}
{{- end }}
