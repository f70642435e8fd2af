{{/*
The paths that the Ingress and the HTTPRoute expose, as a list of {path, exact}. Never /health, which would reveal the broker's state to the
public; port 8001 is not even in the Service. The paths of the chat page are listed individually, because a prefix of / would match everything.
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
How many proxies add an address to X-Forwarded-For, if the chart knows the path that clients take and `config` does not set
it. Empty otherwise: the gateway then does not limit by address. Each controller adds one entry, by default or always; Google's load
balancers add two. With a Service of type LoadBalancer clients could bypass the controller, and send any header.
*/}}
{{- define "holdfast.trustedHops" -}}
{{- $service := .Values.service }}
{{- $hops := list }}
{{- if .Values.ingress.enabled }}{{ $hops = append $hops (ternary 2 1 (eq .Values.ingress.controller "gke")) }}{{ end }}
{{- if .Values.gateway.enabled }}{{ $hops = append $hops (get (dict "gke" 2 "azure" 1 "envoy" 1) .Values.gateway.controller) }}{{ end }}
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

{{/* The idle timeout of a proxy that has one for both directions, in seconds: the larger of the two limits. */}}
{{- define "holdfast.idleSeconds" -}}
{{- max (int64 .Values.timeouts.read) (int64 .Values.timeouts.send) }}
{{- end }}

{{/* A duration of Gateway API (GEP-2257: five digits at most for each unit) from a number of seconds. */}}
{{- define "holdfast.gatewayDuration" -}}
{{- $seconds := int64 . }}
{{- if lt $seconds 100000 }}{{ $seconds }}s{{ else }}{{ div $seconds 3600 }}h{{ div (mod $seconds 3600) 60 }}m{{ mod $seconds 60 }}s{{ end }}
{{- end }}

{{/* The name of the affinity cookie, which is fixed for some load balancers. */}}
{{- define "holdfast.cookie.name" -}}
{{- $cookie := .Values.sessionAffinity.cookie }}
{{- if .Values.ingress.enabled }}
{{- get (dict "gke" "GCLB" "alb" "AWSALB" "azure" "ApplicationGatewayAffinity") .Values.ingress.controller | default $cookie.name }}
{{- else }}
{{- get (dict "gke" "GCLB" "azure" (ternary $cookie.name "AGCAffinity" (gt (int64 $cookie.maxAge) 0))) .Values.gateway.controller | default $cookie.name }}
{{- end }}
{{- end }}

{{/* Whether the cookie is Secure. A browser drops a Secure cookie that it receives without TLS. */}}
{{- define "holdfast.cookie.secure" -}}
{{- $secure := .Values.sessionAffinity.cookie.secure }}
{{- if ternary .Values.tls.enabled $secure (kindIs "invalid" $secure) }}true{{ else }}false{{ end }}
{{- end }}

{{/* One line for validate.yaml, which reports all problems at once. */}}
{{- define "holdfast.problem" }}
{{ . }}
{{- end }}

{{/*
Refuses cookie settings that the controller would silently ignore. Settings with their default value are not refused. Takes root, controller,
and cannot: names under sessionAffinity.cookie.
*/}}
{{- define "holdfast.cookie.problems" -}}
{{- $defaults := dict "name" "route" "maxAge" "" "secure" "" "sameSite" "Lax" }}
{{- range $key := .cannot }}
{{- if ne (get $.root.Values.sessionAffinity.cookie $key | default "" | toString) (get $defaults $key) }}
{{- include "holdfast.problem" (printf "sessionAffinity.cookie.%s: %s has no setting for it. Use the default, or choose another controller: README.md, \"Controllers\", lists what each supports." $key $.controller) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses a number above a controller's maximum. Takes value (its name), number, maximum, controller. */}}
{{- define "holdfast.problemAbove" -}}
{{- if gt (int64 .number) (int64 .maximum) }}
{{- include "holdfast.problem" (printf "%s: %s supports at most %d seconds, but this is %d. Lower it." .value .controller (int64 .maximum) (int64 .number)) }}
{{- end }}
{{- end }}

{{/*
The age in seconds at which Google's load balancer ends a busy connection. GKE Ingress uses the classic Application Load Balancer, which ends
every connection at timeoutSec, idle or not. Those of GKE Gateway end only idle ones then, and every one at 24 h. Longer timeouts than 24 h do not
help with either: Google restarts the proxies. Only the GatewayClass gke-l7-gxlb is the classic one, which the chart cannot see.
https://docs.cloud.google.com/load-balancing/docs/https/request-distribution (timeouts)
*/}}
{{- define "holdfast.google.endSeconds" -}}
{{- $ingress := and .Values.ingress.enabled (eq .Values.ingress.controller "gke") }}
{{- $gateway := and .Values.gateway.enabled (eq .Values.gateway.controller "gke") }}
{{- if or $ingress $gateway }}
{{- ternary (min 86400 (int64 .Values.timeouts.read)) 86400 $ingress }}
{{- end }}
{{- end }}

{{/* The age in seconds at which the gateway asks a connection to move. Clients have the drain window for it, which ends before the load balancer's limit. */}}
{{- define "holdfast.maxConnectionAge" -}}
{{- with include "holdfast.google.endSeconds" . }}
{{- sub (div (mul 9 (int64 .)) 10) (int64 (ceil $.Values.timeouts.drain)) }}
{{- end }}
{{- end }}

{{- define "holdfast.maxConnectionAge.problems" -}}
{{- $end := include "holdfast.google.endSeconds" . }}
{{- if $end }}
{{- $age := dig "connection" "maxAge" (include "holdfast.maxConnectionAge" .) .Values.config | toString | float64 }}
{{- $limit := subf $end .Values.timeouts.drain }}
{{- if or (le $age 0.0) (ge $age $limit) }}
{{- $raise := ternary "" ", or raise timeouts.read" (eq (int64 $end) 86400) }}
{{- include "holdfast.problem" (printf "config.connection.maxAge: Google's load balancer ends every connection at the age of %s s, idle or not, so the gateway must move it before: expected more than 0 and less than that without timeouts.drain = %v s. Omit it to derive it%s." $end $limit $raise) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses traffic settings that nothing in the cluster could carry out. */}}
{{- define "holdfast.traffic.problems" -}}
{{- $affinity := .Values.sessionAffinity }}
{{- if and (eq .Values.service.type "ClusterIP") .Values.service.externalTrafficPolicy }}
{{- include "holdfast.problem" "service.externalTrafficPolicy: a Service of type ClusterIP accepts no traffic from outside, and Kubernetes refuses the field. Set service.type to LoadBalancer or NodePort, or leave externalTrafficPolicy empty." }}
{{- end }}
{{- if and .Values.tls.enabled (not (include "holdfast.proxied" .)) }}
{{- include "holdfast.problem" "tls.enabled: the gateway itself speaks plain HTTP; an ingress controller or a Gateway ends TLS. Set ingress.enabled or gateway.enabled, or tls.enabled to false." }}
{{- end }}
{{- if and .Values.tls.certManager.clusterIssuer .Values.tls.certManager.issuer }}
{{- include "holdfast.problem" "tls.certManager: clusterIssuer and issuer are mutually exclusive. Set the one that signs the certificate." }}
{{- end }}
{{- if eq $affinity.mode "cookie" }}
{{- if not (include "holdfast.proxied" .) }}
{{- include "holdfast.problem" "sessionAffinity.mode=cookie: a Service does not support cookies; a proxy sets them. Set ingress.enabled or gateway.enabled, or sessionAffinity.mode to clientIP." }}
{{- end }}
{{- if and (eq $affinity.cookie.sameSite "None") (ne (include "holdfast.cookie.secure" .) "true") }}
{{- include "holdfast.problem" "sessionAffinity.cookie.sameSite=None: browsers drop such a cookie without Secure. Set tls.enabled, or sessionAffinity.cookie.secure to true if TLS ends in front of the cluster." }}
{{- end }}
{{- end }}
{{- if .Values.ingress.enabled }}
{{- include (printf "holdfast.ingress.%s.problems" .Values.ingress.controller) . }}
{{- end }}
{{- if .Values.gateway.enabled }}
{{- include "holdfast.gateway.problems" . }}
{{- end }}
{{- include "holdfast.maxConnectionAge.problems" . }}
{{- include "holdfast.unused.problems" . }}
{{- end }}
