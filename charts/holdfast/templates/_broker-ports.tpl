{{/*
What pods connect to, by the scheme of the broker's URL: its default port. docs/kubernetes.md#ports-of-the-broker says the same in words, and
charts/test/broker-ports.spec.ts compares it with the gateway's own parsers.
*/}}
{{- define "holdfast.broker.defaultPorts" -}}
redis: 6379
rediss: 6379
redis+sentinel: 26379
rediss+sentinel: 26379
redis+cluster: 6379
rediss+cluster: 6379
kafka: 9092
kafka+tls: 9092
amqp: 5672
amqps: 5671
nats: 4222
nats+tls: 4222
postgres: 5432
postgresql: 5432
pubsub: 443
{{- end }}

{{/* The ports of `HOST:PORT,HOST` as a JSON list; empty if a host is invalid. Takes hosts and default. */}}
{{- define "holdfast.broker.hostPorts" -}}
{{- $ports := list }}
{{- $valid := true }}
{{- range splitList "," .hosts }}
{{- /* Colons within brackets belong to an IPv6 address. */}}
{{- if regexMatch "^(\\[[0-9A-Fa-f:.%]+\\]|[^:\\[\\]\\s]+)(:[0-9]{1,5})?$" . }}
{{- $port := regexFind ":[0-9]+$" . | trimPrefix ":" | default (toString $.default) | atoi }}
{{- if or (lt $port 1) (gt $port 65535) }}{{ $valid = false }}{{ end }}
{{- $ports = append $ports $port }}
{{- else }}
{{- $valid = false }}
{{- end }}
{{- end }}
{{- ternary $ports list $valid | toJson }}
{{- end }}

{{/* A parameter of a broker's URL, with the characters of addresses decoded. Takes query and name. */}}
{{- define "holdfast.broker.parameter" -}}
{{- $found := regexFind (printf "(^|&)%s=[^&]*" .name) .query | trimPrefix "&" | trimPrefix (printf "%s=" .name) }}
{{- range $code, $character := dict "%3A" ":" "%2C" "," "%5B" "[" "%5D" "]" }}
{{- $found = $found | replace $code $character | replace (lower $code) $character }}
{{- end }}
{{- $found }}
{{- end }}

{{/* The ports that pods connect to for the URL of a broker, as a JSON list. Empty if the gateway could not parse the URL, or it has no server. */}}
{{- define "holdfast.broker.urlPorts" -}}
{{- $parts := "^([A-Za-z+]+)://(?:[^@/?#]*@)?([^@/?#]*)(?:/[^?#]*)?(?:\\?([^#]*))?$" }}
{{- $scheme := "" }}
{{- if regexMatch $parts . }}
{{- $scheme = regexReplaceAll $parts . "${1}" | lower }}
{{- end }}
{{- $default := get (include "holdfast.broker.defaultPorts" . | fromYaml) $scheme }}
{{- if not $default }}[]
{{- else }}
{{- $hosts := regexReplaceAll $parts . "${2}" }}
{{- $query := regexReplaceAll $parts . "${3}" }}
{{- $lists := list }}
{{- if hasSuffix "+sentinel" $scheme }}
{{- /* Sentinels announce the addresses of the Redis servers, which are unknown here. */}}
{{- $lists = list (list 6379) }}
{{- else if hasPrefix "postgres" $scheme }}
{{- /* Notifications may come from another address. */}}
{{- with include "holdfast.broker.parameter" (dict "query" $query "name" "listen") | trimPrefix "off" }}
{{- $lists = list (include "holdfast.broker.hostPorts" (dict "hosts" . "default" $default) | fromJsonArray) }}
{{- end }}
{{- else if eq $scheme "pubsub" }}
{{- /* The project takes the place of the host. Tokens come from Google's servers, unless the endpoint is an emulator. */}}
{{- $hosts = include "holdfast.broker.parameter" (dict "query" $query "name" "endpoint") | default "googleapis.com" }}
{{- $insecure := include "holdfast.broker.parameter" (dict "query" $query "name" "insecure") }}
{{- $loopback := regexMatch "(?i)^(localhost|127(\\.[0-9]{1,3}){3}|\\[::1\\])(:[0-9]+)?$" $hosts }}
{{- if ne (default (toString $loopback) $insecure) "true" }}{{ $lists = list (list 443) }}{{ end }}
{{- end }}
{{- $lists = prepend $lists (include "holdfast.broker.hostPorts" (dict "hosts" $hosts "default" $default) | fromJsonArray) }}
{{- $ports := list }}
{{- if not (has list $lists) }}
{{- range $lists }}
{{- range . }}{{ $ports = append $ports (int64 .) }}{{ end }}
{{- end }}
{{- end }}
{{- uniq $ports | toJson }}
{{- end }}
{{- end }}
