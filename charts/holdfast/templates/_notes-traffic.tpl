{{/* How clients reach the gateway. */}}
{{- define "holdfast.notes.traffic" -}}
{{- $service := include "holdfast.serviceName" . }}
{{- $scheme := ternary "wss" "ws" .Values.tls.enabled }}
{{- if .Values.ingress.enabled }}
Clients connect to:
{{ range .Values.ingress.hosts | default (list "ADDRESS") }}
  {{ $scheme }}://{{ . }}/ws
{{- end }}

through the ingress {{ include "holdfast.fullname" . }} ({{ .Values.ingress.controller }}, class {{ include "holdfast.ingress.className" . }}). This command shows its address:

  kubectl --namespace {{ .Release.Namespace }} get ingress {{ include "holdfast.fullname" . }}
{{- else if .Values.gateway.enabled }}
Clients connect to:
{{ range .Values.gateway.hostnames | default (list "ADDRESS") }}
  {{ $scheme }}://{{ . }}/ws
{{- end }}

through the HTTPRoute {{ include "holdfast.fullname" . }}. This command shows whether its Gateway accepted it:

  kubectl --namespace {{ .Release.Namespace }} get httproute {{ include "holdfast.fullname" . }} --output jsonpath='{.status.parents[*].conditions}'
{{- else if eq .Values.service.type "LoadBalancer" }}
Clients connect to ws://ADDRESS{{ if ne (int64 .Values.service.port) 80 }}:{{ int64 .Values.service.port }}{{ end }}/ws. This command shows the address:

  kubectl --namespace {{ .Release.Namespace }} get service {{ $service }}
{{- else }}
Clients outside the cluster cannot reach it yet (set ingress.enabled, gateway.enabled or service.type=LoadBalancer). From here you can use ws://localhost:8000/ws:

  kubectl --namespace {{ .Release.Namespace }} port-forward service/{{ $service }} 8000:{{ int64 .Values.service.port }}
{{- end }}
{{- if eq .Values.sessionAffinity.mode "cookie" }}

Clients that keep the cookie {{ include "holdfast.cookie.name" . | quote }} return to their pod.
{{- end }}
{{- if and .Values.ingress.enabled (eq .Values.ingress.controller "alb") }}

An ALB needs longer to register a new pod than Kubernetes to consider it ready. To make rollouts wait for it, set this label, which applies to new pods:

  kubectl label namespace {{ .Release.Namespace }} elbv2.k8s.aws/pod-readiness-gate-inject=enabled
{{- end }}
{{- end }}

{{/* Warnings about the chosen path, one per line. */}}
{{- define "holdfast.notes.trafficWarnings" -}}
{{- $controllers := list }}
{{- if .Values.ingress.enabled }}{{ $controllers = append $controllers .Values.ingress.controller }}{{ end }}
{{- if .Values.gateway.enabled }}{{ $controllers = append $controllers (.Values.gateway.controller | default "the Gateway") }}{{ end }}
{{- range without $controllers "nginx" "traefik" "the Gateway" }}
The settings for {{ . }} were written from its documentation and have never been run. Check its events and logs before you rely on them.
{{- end }}
{{- if eq .Values.sessionAffinity.mode "clientIP" }}
{{- range without $controllers "gke" "envoy" }}
sessionAffinity.mode=clientIP has no effect for clients that come through {{ . }}, which connects to pods directly and not to the Service.
{{- end }}
sessionAffinity.mode=clientIP: kube-proxy in mode iptables remembers 100 addresses per pod and node. With more clients the oldest are forgotten, and those clients move when they reconnect.
{{- end }}
{{- if and (include "holdfast.trustedHops" .) (include "holdfast.proxied" .) }}
Clients are limited by the address that the controller sees. If a CDN is in front of it, that is the CDN's address: set config.limits.trustedHops to the number of proxies that add to X-Forwarded-For, or clientAddresses.derive=false.
{{- end }}
{{- with include "holdfast.maxConnectionAge" . }}
Google's load balancer ends every connection at the age of {{ include "holdfast.google.endSeconds" $ }} s, idle or not. The gateway moves each before the age of {{ dig "connection" "maxAge" . (default dict $.Values.config) }} s.
{{- end }}
{{- if has "gke" $controllers | and .Values.gateway.enabled }}
If the class of the Gateway is gke-l7-gxlb, the load balancer is the classic one, which ends every connection at the age of timeouts.read: set config.connection.maxAge to less.
{{- end }}
{{- end }}
