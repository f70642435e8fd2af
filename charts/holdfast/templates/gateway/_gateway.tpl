{{/* The common part of the HTTPRoutes. Takes root, name and parentRefs. */}}
{{- define "holdfast.gateway.routeHead" -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "holdfast.labels" .root | nindent 4 }}
  {{- with .root.Values.gateway.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  parentRefs:
    {{- toYaml .parentRefs | nindent 4 }}
  {{- with .root.Values.gateway.hostnames }}
  hostnames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "holdfast.gateway.problems" -}}
{{- if not .Values.gateway.parentRefs }}
{{- include "holdfast.problem" "gateway.parentRefs: an HTTPRoute needs a Gateway. Name it, such as [{name: public, namespace: gateways, sectionName: https}]." }}
{{- end }}
{{- $affinity := .Values.sessionAffinity.mode }}
{{- if and (eq $affinity "cookie") (not .Values.gateway.controller) }}
{{- include "holdfast.problem" "sessionAffinity.mode=cookie: Gateway API's own session persistence is experimental, and not rendered. Set gateway.controller to one that has a policy for it (gke, azure, envoy), use ingress instead of gateway, or set sessionAffinity.mode to none: clients can resume on any pod." }}
{{- end }}
{{- if eq .Values.gateway.controller "gke" }}
{{- include "holdfast.google.problems" (dict "root" . "controller" "gke") }}
{{- else if and (eq .Values.gateway.controller "azure") (eq $affinity "cookie") }}
{{- /* Its own cookie lasts for a day. One with another name needs an age. */}}
{{- $cannot := ternary (list "secure" "sameSite") (list "name" "secure" "sameSite") (gt (int64 .Values.sessionAffinity.cookie.maxAge) 0) }}
{{- include "holdfast.cookie.problems" (dict "root" . "controller" "azure" "cannot" $cannot) }}
{{- end }}
{{- end }}

{{/*
How many connections Envoy may have to the pods. Each client is a connection and a request of its own, and by default Envoy lets 1,024 in. Each of
its processes counts for itself, so one alone may have all clients: those that the pods accept, twice because old and new pods run during a
rollout. Without a limit of the pods there is none here: they refuse clients themselves.
*/}}
{{- define "holdfast.gateway.maxConnections" -}}
{{- $perPod := dig "limits" "connections" "perPod" 0 .Values.config | int64 }}
{{- $pods := ternary .Values.autoscaling.maxReplicas .Values.replicaCount .Values.autoscaling.enabled | int64 }}
{{- $all := mul 2 $perPod $pods }}
{{- ternary (min $all 4294967295) 4294967295 (gt $all 0) }}
{{- end }}
