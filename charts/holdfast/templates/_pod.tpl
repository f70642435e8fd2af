{{/*
The fields that the specs of all pods have in common, as YAML. Takes root and podSecurityContext, and optionally nodeSelector, tolerations,
affinity, priorityClassName and extraPodSpec.
*/}}
{{- define "holdfast.podSpec" -}}
{{- /* A Service named holdfast would set HOLDFAST_PORT. */}}
{{- $spec := dict "automountServiceAccountToken" false "enableServiceLinks" false }}
{{- with include "holdfast.imagePullSecrets" .root | fromJsonArray }}{{ $_ := set $spec "imagePullSecrets" . }}{{ end }}
{{- with include "holdfast.podSecurityContext" . | fromJson }}{{ $_ := set $spec "securityContext" . }}{{ end }}
{{- with include "holdfast.strings" (list .nodeSelector) | fromJson }}{{ $_ := set $spec "nodeSelector" . }}{{ end }}
{{- with .tolerations }}{{ $_ := set $spec "tolerations" (include "holdfast.stringValues" . | fromJsonArray) }}{{ end }}
{{- with .affinity }}{{ $_ := set $spec "affinity" . }}{{ end }}
{{- with .priorityClassName }}{{ $_ := set $spec "priorityClassName" . }}{{ end }}
{{- merge $spec (default dict .extraPodSpec) | toYaml }}
{{- end }}

{{/*
What a pod needs that runs the gateway's image for another purpose: it runs on the same nodes, but the rest of the affinity is about the
gateway's pods.
*/}}
{{- define "holdfast.auxiliaryPodSpec" -}}
{{- $affinity := pick (default dict .Values.affinity) "nodeAffinity" }}
{{- $spec := pick .Values "podSecurityContext" "nodeSelector" "tolerations" "priorityClassName" "extraPodSpec" }}
{{- include "holdfast.podSpec" (merge (dict "root" . "affinity" $affinity) $spec) }}
{{- end }}

{{/* The pull secrets of `imagePullSecrets` and of a parent chart, as a JSON list. */}}
{{- define "holdfast.imagePullSecrets" -}}
{{- $secrets := list }}
{{- range concat (default list .Values.imagePullSecrets) (default list (default dict .Values.global).imagePullSecrets) }}
{{- $secrets = append $secrets (ternary (dict "name" .) . (kindIs "string" .)) }}
{{- end }}
{{- uniq $secrets | toJson }}
{{- end }}

{{/*
A pod's security context, as JSON. OpenShift assigns each namespace a range of users and groups, and refuses pods that request others. Takes root
and podSecurityContext.
*/}}
{{- define "holdfast.podSecurityContext" -}}
{{- $context := include "holdfast.withoutEmpty" .podSecurityContext | fromJson }}
{{- $openshift := .root.Values.openshift }}
{{- if or (eq $openshift "always") (and (eq $openshift "auto") (.root.Capabilities.APIVersions.Has "security.openshift.io/v1")) }}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" }}
{{- end }}
{{- toJson $context }}
{{- end }}

{{/*
A map without null and '', at any depth, as JSON. The values of a parent chart cannot remove a default with null, but they can replace it
with ''.
*/}}
{{- define "holdfast.withoutEmpty" -}}
{{- $kept := dict }}
{{- range $key, $value := . }}
{{- if kindIs "map" $value }}
{{- with include "holdfast.withoutEmpty" $value | fromJson }}{{ $_ := set $kept $key . }}{{ end }}
{{- else if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
{{- $_ := set $kept $key $value }}
{{- end }}
{{- end }}
{{- toJson $kept }}
{{- end }}

{{/* A list of maps whose `value`, if there is one, is a string, as JSON: variables and tolerations. */}}
{{- define "holdfast.stringValues" -}}
{{- $list := list }}
{{- range . }}
{{- $entry := deepCopy . }}
{{- if not (kindIs "invalid" .value) }}{{ $_ := set $entry "value" (include "holdfast.string" .value) }}{{ end }}
{{- $list = append $list $entry }}
{{- end }}
{{- toJson $list }}
{{- end }}

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
{{- concat $kept (include "holdfast.stringValues" .Values.extraEnv | fromJsonArray) | toJson }}
{{- end }}

{{/* The volume of the gateway's secrets. A projected volume is updated when a Secret changes; a subPath mount is not. */}}
{{- define "holdfast.secretsVolume" -}}
{{- $sources := list }}
{{- range include "holdfast.secretSources" . | fromJsonArray }}
{{- $sources = append $sources (dict "secret" (dict "name" .secret "items" (list (dict "key" .key "path" .file)))) }}
{{- end }}
{{- /* 0440; YAML parsers disagree on octal numbers. */}}
{{- dict "name" "secrets" "projected" (dict "defaultMode" 288 "sources" $sources) | toYaml }}
{{- end }}

{{/* A list of topologySpreadConstraints, one per line. */}}
{{- define "holdfast.topologySpread" -}}
{{- range $topologyKey, $whenUnsatisfiable := dict "topology.kubernetes.io/zone" .Values.topologySpread.zones "kubernetes.io/hostname" .Values.topologySpread.hosts }}
{{- if ne $whenUnsatisfiable "off" }}
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
