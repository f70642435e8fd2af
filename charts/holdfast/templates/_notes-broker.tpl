{{/* What an operator should know about the broker, as far as its URL is known. One warning per line. */}}
{{- define "holdfast.notes.brokerWarnings" -}}
{{- $scheme := include "holdfast.broker.scheme" . }}
{{- $tls := dict "redis" "rediss" "redis+sentinel" "rediss+sentinel" "redis+cluster" "rediss+cluster" "kafka" "kafka+tls" "amqp" "amqps" "nats" "nats+tls" }}
{{- if and (hasKey $tls $scheme) (regexMatch "^[A-Za-z+]+://[^/?#]+@" .Values.broker.url) }}
The password in broker.url is sent unencrypted: use {{ get $tls $scheme }}:// if the broker has TLS.
{{- end }}
{{- if include "holdfast.broker.isLog" . }}
{{- $memory := dig "limits" "memory" "" .Values.resources | toString }}
{{- if and $memory (lt (include "holdfast.mebibytes" $memory | float64) 512.0) }}
resources.limits.memory is {{ $memory }}: with this broker each pod keeps up to 128 MiB of histories, and the state of all channels. Set it to 512Mi or more.
{{- end }}
{{- if and (eq $scheme "pubsub") (not (contains "keyFile=" .Values.broker.url)) (not (contains "endpoint=" .Values.broker.url)) (not .Values.serviceAccount.annotations) }}
Pub/Sub takes the pods' credentials from the environment: grant the workload identity of this ServiceAccount the rights in docs/brokers/google-pubsub.md, or name a key with keyFile in broker.url.
{{- end }}
{{- if and (eq $scheme "pubsub") .Values.networkPolicy.enabled (not .Values.networkPolicy.egress.extra) (not (contains "endpoint=" .Values.broker.url)) (not (contains "keyFile=" .Values.broker.url)) }}
With workload identity pods ask the metadata server for tokens: allow it in networkPolicy.egress.extra, as presets/pubsub.yaml does.
{{- end }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.egress.broker.ports) }}
{{- if hasPrefix "kafka" $scheme }}
Pods connect to the advertised listeners of Kafka: if these have other ports than broker.url, set networkPolicy.egress.broker.ports.
{{- else if hasSuffix "+sentinel" $scheme }}
Pods connect to the Redis servers that the sentinels announce, for which port 6379 is allowed: if they have another port, set networkPolicy.egress.broker.ports to those of the sentinels and of the servers.
{{- else if hasSuffix "+cluster" $scheme }}
Pods connect to every node of the Redis Cluster: if some have other ports than broker.url, set networkPolicy.egress.broker.ports.
{{- end }}
{{- end }}
{{- end }}

{{/* A quantity of memory in MiB. An unusual one counts as large. */}}
{{- define "holdfast.mebibytes" -}}
{{- $units := dict "Ki" 0.0009765625 "Mi" 1.0 "Gi" 1024.0 "Ti" 1048576.0 "k" 0.00095367 "M" 0.95367 "G" 953.67 "T" 953674.0 "" 0.00000095367 }}
{{- $unit := regexReplaceAll "^[0-9.]+" . "" }}
{{- if hasKey $units $unit }}
{{- mulf (regexFind "^[0-9.]+" . | float64) (get $units $unit) }}
{{- else }}1048576
{{- end }}
{{- end }}
