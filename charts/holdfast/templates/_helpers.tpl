{{- define "holdfast.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
The base name of the objects: short enough for the longest suffix, "-headless", and for a pod's name. It begins with a letter, because Kubernetes
refuses a Service whose name does not.
*/}}
{{- define "holdfast.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $fullname := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- if regexMatch "^[0-9]" .Release.Name }}{{ $fullname = printf "%s-%s" $name .Release.Name }}{{ end }}
{{- $fullname = default $fullname .Values.fullnameOverride }}
{{- if regexMatch "^[0-9]" $fullname }}{{ $fullname = printf "%s-%s" .Chart.Name $fullname }}{{ end }}
{{- $fullname | trunc 46 | trimSuffix "-" }}
{{- end }}

{{- define "holdfast.serviceName" -}}
{{- include "holdfast.fullname" . }}
{{- end }}

{{- define "holdfast.headlessServiceName" -}}
{{- printf "%s-headless" (include "holdfast.fullname" .) }}
{{- end }}

{{- define "holdfast.serviceAccountName" -}}
{{- $own := ternary (include "holdfast.fullname" .) "default" .Values.serviceAccount.create }}
{{- default $own .Values.serviceAccount.name }}
{{- end }}

{{/* An image's reference. Takes root, image and tag. A parent chart's registry replaces the chart's, as it does in most charts. */}}
{{- define "holdfast.imageReference" -}}
{{- $registry := default .image.registry (default dict .root.Values.global).imageRegistry }}
{{- $reference := printf "%s/%s" (default "" $registry) .image.repository | trimPrefix "/" }}
{{- if .image.digest }}{{ $reference }}@{{ .image.digest }}{{ else }}{{ $reference }}:{{ .tag }}{{ end }}
{{- end }}

{{- define "holdfast.image" -}}
{{- include "holdfast.imageReference" (dict "root" . "image" .Values.image "tag" (default .Chart.AppVersion .Values.image.tag)) }}
{{- end }}

{{/* The time from the decision to stop a pod to its end, in whole seconds. */}}
{{- define "holdfast.stopSeconds" -}}
{{- with .Values.timeouts }}
{{- ceil (addf .preStop .settle .drain .margin) | int64 }}
{{- end }}
{{- end }}

{{/* How long a load balancer must keep a stopping pod's connections, in whole seconds. */}}
{{- define "holdfast.drainSeconds" -}}
{{- with .Values.timeouts }}
{{- ceil (addf .preStop .settle .drain) | int64 }}
{{- end }}
{{- end }}

{{- define "holdfast.gracePeriodSeconds" -}}
{{- default (include "holdfast.stopSeconds" .) .Values.terminationGracePeriodSeconds | int64 }}
{{- end }}

{{/* The minimum number of pods. */}}
{{- define "holdfast.minReplicas" -}}
{{- ternary .Values.autoscaling.minReplicas .Values.replicaCount .Values.autoscaling.enabled | int64 }}
{{- end }}

{{/* Whether the chat page is served at /, by the gateway's own rule. */}}
{{- define "holdfast.demo" -}}
{{- $development := eq (dig "mode" "production" (default dict .Values.config)) "development" }}
{{- if dig "demo" $development (default dict .Values.config) }}true{{ end }}
{{- end }}

{{/*
Takes list and defaults: the maps of the list, each with the defaults that it lacks, as a JSON list. The API server adds these defaults, and Argo
CD compares lists of custom resources as a whole, so it would report a difference for ever.
*/}}
{{- define "holdfast.withDefaults" -}}
{{- $list := list }}
{{- range .list }}
{{- $entry := deepCopy $.defaults }}
{{- range $key, $value := . }}{{ $_ := set $entry $key $value }}{{ end }}
{{- $list = append $list $entry }}
{{- end }}
{{- toJson $list }}
{{- end }}
