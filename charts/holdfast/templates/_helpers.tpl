{{- define "holdfast.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* What the objects are named after: short enough for the longest suffix, "-headless", and for a pod's name. */}}
{{- define "holdfast.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 46 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 46 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 46 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "holdfast.serviceName" -}}
{{- include "holdfast.fullname" . }}
{{- end }}

{{- define "holdfast.headlessServiceName" -}}
{{- printf "%s-headless" (include "holdfast.fullname" .) }}
{{- end }}

{{- define "holdfast.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "holdfast.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The labels of every object. */}}
{{- define "holdfast.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "holdfast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: {{ include "holdfast.name" . }}
{{- with .Values.commonLabels }}
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end }}

{{/* What picks the gateway's pods. A Deployment's selector cannot change: neither may this. */}}
{{- define "holdfast.selectorLabels" -}}
app.kubernetes.io/name: {{ include "holdfast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "holdfast.image" -}}
{{- $reference := printf "%s/%s" .Values.image.registry .Values.image.repository | trimPrefix "/" }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $reference .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $reference (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* From SIGTERM's announcement to SIGKILL: what a stopping pod needs, in whole seconds. */}}
{{- define "holdfast.stopSeconds" -}}
{{- with .Values.timeouts }}
{{- ceil (addf .preStop .settle .drain .margin) | int64 }}
{{- end }}
{{- end }}

{{/* For how long a load balancer has to leave a stopping pod's connections alone, in whole seconds. */}}
{{- define "holdfast.drainSeconds" -}}
{{- with .Values.timeouts }}
{{- ceil (addf .preStop .settle .drain) | int64 }}
{{- end }}
{{- end }}

{{- define "holdfast.gracePeriodSeconds" -}}
{{- default (include "holdfast.stopSeconds" . | int64) .Values.terminationGracePeriodSeconds | int64 }}
{{- end }}

{{/* Whether the chat page is served at /: as the gateway decides it. */}}
{{- define "holdfast.demo" -}}
{{- $development := eq (dig "mode" "production" .Values.config) "development" }}
{{- if dig "demo" $development .Values.config }}true{{ end }}
{{- end }}
