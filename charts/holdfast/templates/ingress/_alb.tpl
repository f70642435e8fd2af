{{/*
AWS Load Balancer Controller. Its stickiness only works with target-type ip. Certificates come from ACM: found by the hosts, or named by
alb.ingress.kubernetes.io/certificate-arn under ingress.annotations; secrets of the cluster are not read.
https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
*/}}
{{- define "holdfast.ingress.alb.annotations" -}}
alb.ingress.kubernetes.io/target-type: ip
alb.ingress.kubernetes.io/healthcheck-path: /health/ready
alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds={{ include "holdfast.idleSeconds" . }}
{{- /* An attribute that is not named keeps its previous value, so `false` has to be written too. */}}
{{- $attributes := list (printf "deregistration_delay.timeout_seconds=%s" (include "holdfast.drainSeconds" .)) }}
{{- if eq .Values.sessionAffinity.mode "cookie" }}
{{- /* An ALB cookie always has an age; the default is a day. */}}
{{- $maxAge := .Values.sessionAffinity.cookie.maxAge | default 86400 | int64 }}
{{- $attributes = concat $attributes (list "stickiness.enabled=true" "stickiness.type=lb_cookie" (printf "stickiness.lb_cookie.duration_seconds=%d" $maxAge)) }}
{{- else }}
{{- $attributes = append $attributes "stickiness.enabled=false" }}
{{- end }}
alb.ingress.kubernetes.io/target-group-attributes: {{ join "," $attributes }}
{{- if .Values.tls.enabled }}
{{- $ports := list (dict "HTTP" 80) (dict "HTTPS" 443) }}
alb.ingress.kubernetes.io/listen-ports: {{ toJson $ports | quote }}
{{- if .Values.tls.redirect }}
alb.ingress.kubernetes.io/ssl-redirect: "443"
{{- end }}
{{- end }}
{{- end }}

{{- define "holdfast.ingress.alb.serviceAnnotations" -}}
{{- end }}

{{- define "holdfast.ingress.alb.problems" -}}
{{- include "holdfast.problemAbove" (dict "value" "timeouts.read and timeouts.send" "number" (include "holdfast.idleSeconds" .) "maximum" 4000 "controller" "alb") }}
{{- include "holdfast.problemAbove" (dict "value" "timeouts.preStop + settle + drain" "number" (include "holdfast.drainSeconds" .) "maximum" 3600 "controller" "alb") }}
{{- if and .Values.tls.enabled (include "holdfast.ingress.tlsSecretName" .) }}
{{- include "holdfast.problem" "tls.secretName and tls.certManager: an ALB uses certificates from ACM, not from the cluster. Leave both empty; ACM's certificate is found by ingress.hosts, or named by alb.ingress.kubernetes.io/certificate-arn under ingress.annotations." }}
{{- end }}
{{- if and .Values.tls.enabled (not .Values.ingress.hosts) (not (hasKey .Values.ingress.annotations "alb.ingress.kubernetes.io/certificate-arn")) }}
{{- include "holdfast.problem" "tls.enabled: an ALB finds its certificate in ACM by ingress.hosts, which is empty. List the hosts, or name the certificate by alb.ingress.kubernetes.io/certificate-arn under ingress.annotations" }}
{{- end }}
{{- if eq .Values.sessionAffinity.mode "cookie" }}
{{- include "holdfast.cookie.problems" (dict "root" . "controller" "alb" "cannot" (list "name" "secure" "sameSite")) }}
{{- include "holdfast.problemAbove" (dict "value" "sessionAffinity.cookie.maxAge" "number" .Values.sessionAffinity.cookie.maxAge "maximum" 604800 "controller" "alb") }}
{{- end }}
{{- end }}
