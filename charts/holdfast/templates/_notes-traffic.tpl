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
{{- if eq .Values.sessionAffinity.mode "cookie" }}

Clients that keep the cookie {{ include "holdfast.cookie.name" . | quote }} come back to their pod.
{{- end }}
{{- if and .Values.ingress.enabled (eq .Values.ingress.controller "alb") }}

An ALB takes longer to know a new pod than Kubernetes to call it ready. Let rollouts wait for it, by a label that counts for pods to come:

  kubectl label namespace {{ .Release.Namespace }} elbv2.k8s.aws/pod-readiness-gate-inject=enabled
{{- end }}
{{- end }}

{{/* What is risky about the way that was chosen, a line each. */}}
{{- define "holdfast.notes.trafficWarnings" -}}
{{- $controllers := list }}
{{- if .Values.ingress.enabled }}{{ $controllers = append $controllers .Values.ingress.controller }}{{ end }}
{{- if .Values.gateway.enabled }}{{ $controllers = append $controllers (.Values.gateway.controller | default "the Gateway") }}{{ end }}
{{- range without $controllers "nginx" "traefik" "the Gateway" }}
What is rendered for {{ . }} is written from its documentation and was never run. Look at its events and logs before you rely on it.
{{- end }}
{{- if eq .Values.sessionAffinity.mode "clientIP" }}
{{- range without $controllers "gke" "envoy" }}
sessionAffinity.mode=clientIP does nothing for clients that come through {{ . }}, which dials pods and not the Service.
{{- end }}
sessionAffinity.mode=clientIP: kube-proxy in mode iptables remembers 100 addresses for each pod and node. With more clients the oldest are forgotten, and move when they reconnect.
{{- end }}
{{- if and (include "holdfast.trustedHops" .) (include "holdfast.proxied" .) }}
Clients are limited by their address, as the controller sees it. If a CDN is in front of it, set config.limits.trustedHops to the number of proxies that add to X-Forwarded-For, or clientAddresses.derive=false: the addresses of the CDN are not those of clients.
{{- end }}
{{- with include "holdfast.maxConnectionAge" . }}
Google's load balancer cuts every connection at the age of {{ int64 $.Values.timeouts.read }} s, busy or not. The gateway asks each to move by {{ dig "connection" "maxAge" . $.Values.config }} s.
{{- end }}
{{- end }}
