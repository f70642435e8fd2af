{{/* The common part of the HTTPRoutes. Takes root, name and parentRefs. */}}
{{- define "holdfast.gateway.routeHead" -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  {{- include "holdfast.metadata" (dict "root" .root "name" .name "annotations" .root.Values.gateway.annotations) | nindent 2 }}
spec:
  parentRefs:
    {{- $defaults := dict "group" "gateway.networking.k8s.io" "kind" "Gateway" }}
    {{- include "holdfast.withDefaults" (dict "list" .parentRefs "defaults" $defaults) | fromJsonArray | toYaml | nindent 4 }}
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
{{- include "holdfast.problem" "sessionAffinity.mode=cookie: Gateway API's own session persistence is experimental, and not rendered. Set gateway.controller to one that has a policy for it (gke, envoy), use ingress instead of gateway, or set sessionAffinity.mode to none: clients can resume on any pod." }}
{{- end }}
{{- if eq .Values.gateway.controller "gke" }}
{{- include "holdfast.google.problems" (dict "root" . "controller" "gke") }}
{{- end }}
{{- end }}
