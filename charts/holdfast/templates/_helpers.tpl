{{- define "holdfast.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The base name of the objects: short enough for the longest suffix, "-headless", and for a pod's name. */}}
{{- define "holdfast.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $fullname := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $fullname .Values.fullnameOverride | trunc 46 | trimSuffix "-" }}
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

{{/* The labels of every object. */}}
{{- define "holdfast.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "holdfast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: {{ include "holdfast.name" . }}
{{- include "holdfast.commonLabels" . }}
{{- end }}

{{- define "holdfast.commonLabels" -}}
{{- with .Values.commonLabels }}
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end }}

{{/* Selects the gateway's pods. Must never change, because a Deployment's selector cannot change. */}}
{{- define "holdfast.selectorLabels" -}}
app.kubernetes.io/name: {{ include "holdfast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end }}

{{/* The image reference for { registry, repository, tag, digest }. */}}
{{- define "holdfast.imageReference" -}}
{{- $reference := printf "%s/%s" .registry .repository | trimPrefix "/" }}
{{- ternary (printf "%s@%s" $reference .digest) (printf "%s:%s" $reference .tag) (ne .digest "") }}
{{- end }}

{{- define "holdfast.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag }}
{{- include "holdfast.imageReference" (merge (dict "tag" $tag) .Values.image) }}
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
{{- $development := eq (dig "mode" "production" .Values.config) "development" }}
{{- if dig "demo" $development .Values.config }}true{{ end }}
{{- end }}
