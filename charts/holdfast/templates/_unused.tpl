{{/*
Refuses values that have no effect beside others, and names both. What a disabled block contains is not refused, except for `tls`: presets
configure blocks that the user enables.
*/}}
{{- define "holdfast.unused.problems" -}}
{{- include "holdfast.unused.tls" . }}
{{- include "holdfast.unused.service" . }}
{{- include "holdfast.unused.affinity" . }}
{{- include "holdfast.unused.timeouts" . }}
{{- include "holdfast.unused.networkPolicy" . }}
{{- if and .Values.ingress.exposeApi (not (include "holdfast.proxied" .)) }}
{{- include "holdfast.problem" "ingress.exposeApi: has no effect without ingress.enabled or gateway.enabled" }}
{{- end }}
{{- end }}

{{- define "holdfast.unused.tls" -}}
{{- $tls := .Values.tls }}
{{- $issuer := or $tls.certManager.clusterIssuer $tls.certManager.issuer }}
{{- $set := dict "tls.secretName" $tls.secretName "tls.certManager" $issuer "tls.redirect" (and $tls.enabled (not $tls.redirect)) }}
{{- range $path, $isSet := $set }}
{{- if and $isSet (not $tls.enabled) }}
{{- include "holdfast.problem" (printf "%s: has no effect without tls.enabled. Set that to true, or omit %s" $path $path) }}
{{- else if and $isSet (not $.Values.ingress.enabled) }}
{{- include "holdfast.problem" (printf "%s: has no effect without ingress.enabled, because a Gateway's listeners configure TLS. Omit it" $path) }}
{{- end }}
{{- end }}
{{- if and $tls.enabled $issuer .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- include "holdfast.problem" "tls.certManager: has no effect without ingress.hosts, because a certificate is issued for names. List them in ingress.hosts" }}
{{- end }}
{{- if and .Values.gateway.enabled .Values.gateway.redirectParentRefs (not $tls.enabled) }}
{{- include "holdfast.problem" "gateway.redirectParentRefs: redirects to https, but tls.enabled is false. Set tls.enabled to true" }}
{{- end }}
{{- end }}

{{- define "holdfast.unused.service" -}}
{{- range $field := list "loadBalancerClass" "loadBalancerSourceRanges" }}
{{- if and (get $.Values.service $field) (ne $.Values.service.type "LoadBalancer") }}
{{- include "holdfast.problem" (printf "service.%s: has no effect with service.type %s. Set service.type to LoadBalancer, or omit it" $field $.Values.service.type) }}
{{- end }}
{{- end }}
{{- if and .Values.service.nodePort (eq .Values.service.type "ClusterIP") }}
{{- include "holdfast.problem" "service.nodePort: has no effect with service.type ClusterIP. Set service.type to NodePort or LoadBalancer, or omit it" }}
{{- end }}
{{- end }}

{{- define "holdfast.unused.affinity" -}}
{{- $affinity := .Values.sessionAffinity }}
{{- if and (ne $affinity.mode "clientIP") (ne (int64 $affinity.clientIP.timeoutSeconds) 10800) }}
{{- include "holdfast.problem" (printf "sessionAffinity.clientIP: has no effect with sessionAffinity.mode %s. Set that to clientIP, or omit it" $affinity.mode) }}
{{- end }}
{{- if ne $affinity.mode "cookie" }}
{{- range $key, $default := dict "name" "route" "maxAge" "" "secure" "" "sameSite" "Lax" }}
{{- $value := get $affinity.cookie $key }}
{{- if and (not (kindIs "invalid" $value)) (ne (ternary "" (toString $value) (eq (toString $value) "0")) $default) }}
{{- include "holdfast.problem" (printf "sessionAffinity.cookie.%s: has no effect with sessionAffinity.mode %s. Set that to cookie, or omit it" $key $affinity.mode) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The idle timeouts, if no proxy that the chart configures has a setting for them. */}}
{{- define "holdfast.unused.timeouts" -}}
{{- $controllers := list }}
{{- if .Values.ingress.enabled }}{{ $controllers = append $controllers (printf "ingress.controller %s" .Values.ingress.controller) }}{{ end }}
{{- if .Values.gateway.enabled }}{{ $controllers = append $controllers (printf "gateway.controller %s" (.Values.gateway.controller | default "''")) }}{{ end }}
{{- $neither := list "ingress.controller traefik" "gateway.controller azure" "gateway.controller ''" }}
{{- $lacking := dict "read" $neither "send" (concat $neither (list "ingress.controller gke" "gateway.controller gke")) }}
{{- range $name, $without := $lacking }}
{{- $used := false }}
{{- range $controllers }}{{ if not (has . $without) }}{{ $used = true }}{{ end }}{{ end }}
{{- if and (not $used) (ne (int64 (get $.Values.timeouts $name)) 3600) }}
{{- $why := ternary (printf "with %s, which has no setting for it" (join " and " $controllers)) "without ingress.enabled or gateway.enabled" (gt (len $controllers) 0) }}
{{- include "holdfast.problem" (printf "timeouts.%s: has no effect %s. Omit it" $name $why) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "holdfast.unused.networkPolicy" -}}
{{- if .Values.networkPolicy.enabled }}
{{- $policy := .Values.networkPolicy }}
{{- range $name := list "jwks" "webhooks" }}
{{- $rule := get $policy.egress $name }}
{{- if and $rule.to (not $rule.ports) }}
{{- include "holdfast.problem" (printf "networkPolicy.egress.%s.to: has no effect without networkPolicy.egress.%s.ports. Set the ports, such as [443]" $name $name) }}
{{- end }}
{{- end }}
{{- $broker := include "holdfast.broker" . }}
{{- if and (has $broker (list "redis" "memory")) (or $policy.egress.broker.to $policy.egress.broker.ports) }}
{{- include "holdfast.problem" (printf "networkPolicy.egress.broker: has no effect with %s. Set broker.url or broker.existingSecret, or omit it" (ternary "the bundled Redis" "the memory broker" (eq $broker "redis"))) }}
{{- end }}
{{- /* A rule of your own may admit Prometheus. */}}
{{- if not (concat (default list $policy.monitoring) (default list $policy.extraIngress)) }}
{{- $scraped := "" }}
{{- if get (default dict .Values.podAnnotations) "prometheus.io/scrape" | toString | eq "true" }}{{ $scraped = "podAnnotations" }}{{ end }}
{{- if and .Values.autoscaling.enabled (eq .Values.autoscaling.provider "keda") }}{{ $scraped = "autoscaling.provider keda" }}{{ end }}
{{- range $name := list "prometheusRule" "serviceMonitor" }}
{{- if (get $.Values.metrics $name).enabled }}{{ $scraped = printf "metrics.%s" $name }}{{ end }}
{{- end }}
{{- with $scraped }}
{{- include "holdfast.problem" (printf "networkPolicy.monitoring: expected the peers that may reach port 8001, because %s needs the metrics. Name Prometheus, such as [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
