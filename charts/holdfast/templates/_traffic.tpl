{{/*
What the Ingress and the HTTPRoute lead to the gateway, as a list of {path, exact}. Never /health, which would tell the world about the
broker; port 8001 is not even in the Service. The chat page is a list of its own paths, since a prefix of / would be everything.
*/}}
{{- define "holdfast.routes" -}}
- {path: /ws, exact: true}
{{- if include "holdfast.demo" . }}
- {path: /, exact: true}
- {path: /assets, exact: false}
- {path: /demo, exact: false}
{{- end }}
{{- if .Values.ingress.exposeApi }}
- {path: /api, exact: false}
{{- end }}
{{- end }}

{{/* Whether clients come through a proxy that this chart configures. */}}
{{- define "holdfast.proxied" -}}
{{- if or .Values.ingress.enabled .Values.gateway.enabled }}true{{ end }}
{{- end }}

{{/*
How many proxies add the address of a client to X-Forwarded-For, if the chart knows the way that clients take and `config` does not say
it. Empty otherwise: the gateway then limits nobody by address. Each controller adds one entry, by default or always; Google's load
balancers add two. Behind a Service of type LoadBalancer clients could pass by the controller, and send any header that they like.
*/}}
{{- define "holdfast.trustedHops" -}}
{{- $service := .Values.service }}
{{- $hops := list }}
{{- if .Values.ingress.enabled }}{{ $hops = append $hops (ternary 2 1 (eq .Values.ingress.controller "gke")) }}{{ end }}
{{- if .Values.gateway.enabled }}{{ $hops = append $hops (get (dict "gke" 2 "envoy" 1) .Values.gateway.controller) }}{{ end }}
{{- if include "holdfast.proxied" . }}
{{- if eq $service.type "LoadBalancer" }}{{ $hops = list }}{{ end }}
{{- else if and (ne $service.type "ClusterIP") (eq $service.externalTrafficPolicy "Local") }}
{{- $hops = list 0 }}
{{- end }}
{{- $isSet := hasKey (.Values.config.limits | default dict) "trustedHops" }}
{{- range .Values.extraEnv }}{{ if eq .name "HOLDFAST_TRUSTED_HOPS" }}{{ $isSet = true }}{{ end }}{{ end }}
{{- $hops = uniq $hops }}
{{- if and .Values.clientAddresses.derive (not $isSet) (eq (len $hops) 1) }}{{ first $hops }}{{ end }}
{{- end }}

{{/* For how long a proxy with one limit for both directions leaves a silent connection alone, in seconds: neither limit is cut short. */}}
{{- define "holdfast.idleSeconds" -}}
{{- max (int64 .Values.timeouts.read) (int64 .Values.timeouts.send) }}
{{- end }}

{{/* A duration of Gateway API (GEP-2257: five digits at most for each unit) from a number of seconds. */}}
{{- define "holdfast.gatewayDuration" -}}
{{- $seconds := int64 . }}
{{- if lt $seconds 100000 }}{{ $seconds }}s{{ else }}{{ div $seconds 3600 }}h{{ div (mod $seconds 3600) 60 }}m{{ mod $seconds 60 }}s{{ end }}
{{- end }}

{{/* What the client's cookie is called, which some load balancers decide themselves. */}}
{{- define "holdfast.cookie.name" -}}
{{- $fixed := dict "gke" "GCLB" "alb" "AWSALB" "azure" "ApplicationGatewayAffinity" }}
{{- $controller := ternary .Values.ingress.controller .Values.gateway.controller .Values.ingress.enabled }}
{{- get $fixed $controller | default .Values.sessionAffinity.cookie.name }}
{{- end }}

{{/* Whether the cookie is for TLS only: a browser drops such a cookie when it comes without. */}}
{{- define "holdfast.cookie.secure" -}}
{{- $secure := .Values.sessionAffinity.cookie.secure }}
{{- if ternary .Values.tls.enabled $secure (kindIs "invalid" $secure) }}true{{ else }}false{{ end }}
{{- end }}

{{/* A line for validate.yaml, which refuses the values with all of them at once. */}}
{{- define "holdfast.problem" }}
{{ . }}
{{- end }}

{{/*
What the user asks of the cookie and the controller cannot give: the controller itself would say nothing. What has its default is
nobody's wish. Takes root, controller, and cannot: names under sessionAffinity.cookie.
*/}}
{{- define "holdfast.cookie.problems" -}}
{{- $defaults := dict "name" "route" "maxAge" "" "secure" "" "sameSite" "Lax" }}
{{- range $key := .cannot }}
{{- if ne (get $.root.Values.sessionAffinity.cookie $key | default "" | toString) (get $defaults $key) }}
{{- include "holdfast.problem" (printf "sessionAffinity.cookie.%s: %s has no setting for it. Leave it at its default, or choose another controller: README.md, \"Controllers\", says what each can do." $key $.controller) }}
{{- end }}
{{- end }}
{{- end }}

{{/* A number above what a controller takes. Takes value (its name), number, maximum, controller. */}}
{{- define "holdfast.problemAbove" -}}
{{- if gt (int64 .number) (int64 .maximum) }}
{{- include "holdfast.problem" (printf "%s: %s takes at most %d seconds, and this is %d. Lower it." .value .controller (int64 .maximum) (int64 .number)) }}
{{- end }}
{{- end }}

{{/*
The age at which the gateway asks a connection to move, in seconds, where a load balancer cuts every connection at an age of its own,
busy or not: Google's Application Load Balancers at timeoutSec. Clients have the drain window for the move, which ends before.
https://cloud.google.com/kubernetes-engine/docs/concepts/ingress-xlb#support_for_websocket
*/}}
{{- define "holdfast.maxConnectionAge" -}}
{{- $google := or (and .Values.ingress.enabled (eq .Values.ingress.controller "gke")) (and .Values.gateway.enabled (eq .Values.gateway.controller "gke")) }}
{{- if $google }}
{{- sub (div (mul 9 (int64 .Values.timeouts.read)) 10) (int64 (ceil .Values.timeouts.drain)) }}
{{- end }}
{{- end }}

{{- define "holdfast.maxConnectionAge.problems" -}}
{{- $own := include "holdfast.maxConnectionAge" . }}
{{- if $own }}
{{- $age := dig "connection" "maxAge" $own .Values.config | toString | float64 }}
{{- $limit := subf .Values.timeouts.read .Values.timeouts.drain }}
{{- if or (le $age 0.0) (ge $age $limit) }}
{{- include "holdfast.problem" (printf "config.connection.maxAge: Google's load balancer cuts every connection at the age of timeouts.read (%v s), busy or not, so that the gateway must have moved it before: more than 0 and less than timeouts.read - timeouts.drain = %v s. Leave it out to have it derived, or raise timeouts.read." .Values.timeouts.read $limit) }}
{{- end }}
{{- end }}
{{- end }}

{{/* What is asked for in the way to the gateway and nothing in the cluster could carry out. */}}
{{- define "holdfast.traffic.problems" -}}
{{- $affinity := .Values.sessionAffinity }}
{{- if and (eq .Values.service.type "ClusterIP") .Values.service.externalTrafficPolicy }}
{{- include "holdfast.problem" "service.externalTrafficPolicy: a Service of type ClusterIP takes no traffic from outside, and Kubernetes refuses the field. Set service.type to LoadBalancer or NodePort, or leave externalTrafficPolicy empty." }}
{{- end }}
{{- if and .Values.tls.enabled (not (include "holdfast.proxied" .)) }}
{{- include "holdfast.problem" "tls.enabled: the gateway itself speaks plain HTTP; an ingress controller or a Gateway ends TLS. Set ingress.enabled or gateway.enabled, or tls.enabled to false." }}
{{- end }}
{{- if and .Values.tls.certManager.clusterIssuer .Values.tls.certManager.issuer }}
{{- include "holdfast.problem" "tls.certManager: clusterIssuer and issuer exclude each other. Set the one that is to sign the certificate." }}
{{- end }}
{{- if eq $affinity.mode "cookie" }}
{{- if not (include "holdfast.proxied" .) }}
{{- include "holdfast.problem" "sessionAffinity.mode=cookie: a Service knows no cookies; a proxy sets them. Set ingress.enabled or gateway.enabled, or sessionAffinity.mode to clientIP." }}
{{- end }}
{{- if and (eq $affinity.cookie.sameSite "None") (ne (include "holdfast.cookie.secure" .) "true") }}
{{- include "holdfast.problem" "sessionAffinity.cookie.sameSite=None: browsers drop such a cookie without Secure. Set tls.enabled, or sessionAffinity.cookie.secure to true where TLS ends in front of the cluster." }}
{{- end }}
{{- end }}
{{- if .Values.ingress.enabled }}
{{- include (printf "holdfast.ingress.%s.problems" .Values.ingress.controller) . }}
{{- end }}
{{- if .Values.gateway.enabled }}
{{- include "holdfast.gateway.problems" . }}
{{- end }}
{{- include "holdfast.maxConnectionAge.problems" . }}
{{- end }}
