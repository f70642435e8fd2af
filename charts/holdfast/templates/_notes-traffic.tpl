{{/* How clients reach the gateway, and what is risky about the way that was chosen. */}}
{{- define "holdfast.notes.traffic" -}}
{{- $service := include "holdfast.serviceName" . }}
{{- $scheme := ternary "wss" "ws" .Values.tls.enabled }}
{{- if .Values.ingress.enabled }}
Clients connect to:
{{ range .Values.ingress.hosts | default (list "ADDRESS") }}
  {{ $scheme }}://{{ . }}/ws
{{- end }}

through the ingress {{ include "holdfast.fullname" . }} ({{ .Values.ingress.controller }}, class {{ include "holdfast.ingress.className" . }}), whose address is told by:

  kubectl --namespace {{ .Release.Namespace }} get ingress {{ include "holdfast.fullname" . }}
{{- else if .Values.gateway.enabled }}
Clients connect to:
{{ range .Values.gateway.hostnames | default (list "ADDRESS") }}
  {{ $scheme }}://{{ . }}/ws
{{- end }}

through the HTTPRoute {{ include "holdfast.fullname" . }}. Whether its Gateway accepted it is told by:

  kubectl --namespace {{ .Release.Namespace }} get httproute {{ include "holdfast.fullname" . }} --output jsonpath='{.status.parents[*].conditions}'
{{- else if eq .Values.service.type "LoadBalancer" }}
Clients connect to ws://ADDRESS{{ if ne (int64 .Values.service.port) 80 }}:{{ int64 .Values.service.port }}{{ end }}/ws, with the address that is told by:

  kubectl --namespace {{ .Release.Namespace }} get service {{ $service }}
{{- else }}
No client outside the cluster reaches it yet (ingress.enabled, gateway.enabled or service.type=LoadBalancer change that). From here, at ws://localhost:8000/ws:

  kubectl --namespace {{ .Release.Namespace }} port-forward service/{{ $service }} 8000:{{ int64 .Values.service.port }}
{{- end }}
{{- include "holdfast.notes.affinity" . }}
{{- include "holdfast.notes.controller" . }}
{{- end }}

{{- define "holdfast.notes.affinity" -}}
{{- if eq .Values.sessionAffinity.mode "clientIP" }}
{{- $proxy := ternary .Values.ingress.controller (.Values.gateway.controller | default "the Gateway") .Values.ingress.enabled }}
{{- if and (include "holdfast.proxied" .) (not (has $proxy (list "gke" "envoy"))) }}

WARNING: sessionAffinity.mode=clientIP does nothing for clients that come through {{ $proxy }}: it dials pods, not the Service. It holds for
clients of the Service alone. Use sessionAffinity.mode=cookie for those of the proxy.
{{- end }}

sessionAffinity.mode=clientIP: a node whose kube-proxy runs in mode iptables remembers 100 client addresses for each pod. With more clients
than that the oldest are forgotten, and their next connection may go to another pod, where they resume.
{{- else if eq .Values.sessionAffinity.mode "cookie" }}

Clients that keep the cookie {{ include "holdfast.cookie.name" . | quote }} come back to their pod.
{{- end }}
{{- end }}

{{- define "holdfast.notes.controller" -}}
{{- $controllers := list }}
{{- if .Values.ingress.enabled }}{{ $controllers = append $controllers .Values.ingress.controller }}{{ end }}
{{- if and .Values.gateway.enabled .Values.gateway.controller }}{{ $controllers = append $controllers .Values.gateway.controller }}{{ end }}
{{- range without $controllers "nginx" "traefik" }}

WARNING: what the chart renders for {{ . }} is written from its documentation and was never run. Look at its events and logs before you rely on it.
{{- end }}
{{- if has "alb" $controllers }}

An ALB takes longer to know a new pod than Kubernetes to call it ready. Let a rollout wait for it, once, before the pods start:

  kubectl label namespace {{ .Release.Namespace }} elbv2.k8s.aws/pod-readiness-gate-inject=enabled
{{- end }}
{{- with include "holdfast.maxConnectionAge" . }}

Google's load balancer cuts every connection at the age of {{ int64 $.Values.timeouts.read }} s, busy or not; the gateway asks each to move by {{ dig "connection" "maxAge" . $.Values.config }} s.
{{- end }}
{{- end }}
