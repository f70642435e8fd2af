{{/* The environment variables of the gateway's container, as a JSON list; `extraEnv` takes precedence. */}}
{{- define "holdfast.env" -}}
{{- $extra := dict }}
{{- range .Values.extraEnv }}
{{- $_ := set $extra .name true }}
{{- end }}
{{- $env := list (dict "name" "HOLDFAST_CONFIG" "value" "/etc/holdfast/config/config.yaml") }}
{{- $heap := printf "--max-old-space-size-percentage=%d" (int64 .Values.heapPercentage) }}
{{- $env = append $env (dict "name" "NODE_OPTIONS" "value" $heap) }}
{{- range include "holdfast.secretSources" . | fromJsonArray }}
{{- $variable := printf "%s_FILE" .variable }}
{{- if not (hasKey $extra .variable) }}
{{- $env = append $env (dict "name" $variable "value" (printf "/etc/holdfast/secrets/%s" .file)) }}
{{- end }}
{{- end }}
{{- $kept := list }}
{{- range $env }}
{{- if not (hasKey $extra .name) }}
{{- $kept = append $kept . }}
{{- end }}
{{- end }}
{{- concat $kept .Values.extraEnv | toJson }}
{{- end }}

{{/* The volume of the gateway's secrets. A projected volume is updated when a Secret changes; a subPath mount is not. */}}
{{- define "holdfast.secretsVolume" -}}
name: secrets
projected:
  # 0440; YAML parsers disagree on octal numbers.
  defaultMode: 288
  sources:
    {{- range include "holdfast.secretSources" . | fromJsonArray }}
    - secret:
        name: {{ .secret }}
        items:
          - key: {{ .key }}
            path: {{ .file }}
    {{- end }}
{{- end }}

{{/* A list of topologySpreadConstraints, one per line. */}}
{{- define "holdfast.topologySpread" -}}
{{- range $topologyKey, $whenUnsatisfiable := dict "topology.kubernetes.io/zone" .Values.topologySpread.zones "kubernetes.io/hostname" .Values.topologySpread.hosts }}
{{- /* YAML reads an unquoted `off` as false. */}}
{{- if not (has (toString $whenUnsatisfiable) (list "off" "false")) }}
- maxSkew: 1
  topologyKey: {{ $topologyKey }}
  whenUnsatisfiable: {{ $whenUnsatisfiable }}
  labelSelector:
    matchLabels:
      {{- include "holdfast.selectorLabels" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end }}
