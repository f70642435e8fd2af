{{/* The source of the broker's URL: env (a variable in `extraEnv`), existing, url, external, redis or memory. */}}
{{- define "holdfast.broker" -}}
{{- $variables := list }}
{{- range .Values.extraEnv }}
{{- $variables = append $variables .name }}
{{- end }}
{{- if or (has "HOLDFAST_BROKER" $variables) (has "HOLDFAST_BROKER_FILE" $variables) }}env
{{- else if .Values.broker.existingSecret }}existing
{{- else if .Values.broker.url }}url
{{- else if and .Values.externalSecret.enabled (hasKey (default dict .Values.externalSecret.data) "broker-url") }}external
{{- else if .Values.redis.enabled }}redis
{{- else }}memory
{{- end }}
{{- end }}

{{- define "holdfast.redisName" -}}
{{- printf "%s-redis" (include "holdfast.fullname" .) }}
{{- end }}

{{- define "holdfast.redisSecretName" -}}
{{- default (include "holdfast.redisName" .) .Values.redis.existingSecret }}
{{- end }}

{{/* The sources of the gateway's secrets: a JSON list of { file, variable, secret, key }. */}}
{{- define "holdfast.secretSources" -}}
{{- $own := include "holdfast.fullname" . }}
{{- $sources := list }}
{{- range $name := list "jwtSecret" "apiKeys" "adminKeys" }}
{{- with get $.Values.auth $name }}
{{- if .enabled }}
{{- $file := kebabcase $name }}
{{- $secret := dict "secret" (default $own .existingSecret) "key" (ternary .key $file (not (empty .existingSecret))) }}
{{- $sources = append $sources (merge $secret (dict "file" $file "variable" (printf "HOLDFAST_%s" (snakecase $name | upper)))) }}
{{- end }}
{{- end }}
{{- end }}
{{- $broker := include "holdfast.broker" . }}
{{- if not (has $broker (list "env" "memory")) }}
{{- $secret := dict "secret" $own "key" "broker-url" }}
{{- if eq $broker "existing" }}
{{- $secret = dict "secret" .Values.broker.existingSecret "key" .Values.broker.key }}
{{- else if eq $broker "redis" }}
{{- $secret = dict "secret" (include "holdfast.redisSecretName" .) "key" "broker-url" }}
{{- end }}
{{- $sources = append $sources (merge $secret (dict "file" "broker-url" "variable" "HOLDFAST_BROKER")) }}
{{- end }}
{{- range .Values.extraSecretFiles }}
{{- $file := .variable | trimPrefix "HOLDFAST_" | lower | replace "_" "-" }}
{{- $sources = append $sources (merge (dict "file" $file) .) }}
{{- end }}
{{- toJson $sources }}
{{- end }}

{{/* The value of { key } in the live Secret { namespace, name }; empty if there is none, or Helm cannot read from the cluster. */}}
{{- define "holdfast.liveSecret" -}}
{{- $live := lookup "v1" "Secret" .namespace .name | default dict }}
{{- dig "data" .key "" $live | b64dec }}
{{- end }}
