{{/*
Each controller of `ingress.controller` has a file here, which defines three templates:
  holdfast.ingress.CONTROLLER.annotations         of the Ingress
  holdfast.ingress.CONTROLLER.serviceAnnotations  of the Service
  holdfast.ingress.CONTROLLER.problems            reports values that the controller does not support
and links the documentation of its keys, because a controller silently ignores keys that it does not know.
*/}}

{{/* The class of each controller in its own installation guide. */}}
{{- define "holdfast.ingress.className" -}}
{{- $usual := dict "nginx" "nginx" "traefik" "traefik" "haproxy" "haproxy" "haproxy-ingress" "haproxy" "gke" "gce" "alb" "alb" "azure" "azure-application-gateway" "f5" "nginx" }}
{{- .Values.ingress.className | default (get $usual .Values.ingress.controller) }}
{{- end }}

{{- define "holdfast.ingress.annotations" -}}
{{- $own := include (printf "holdfast.ingress.%s.annotations" .Values.ingress.controller) . | fromYaml }}
{{- if .Values.tls.enabled }}
{{- with .Values.tls.certManager.clusterIssuer }}{{ $_ := set $own "cert-manager.io/cluster-issuer" . }}{{ end }}
{{- with .Values.tls.certManager.issuer }}{{ $_ := set $own "cert-manager.io/issuer" . }}{{ end }}
{{- end }}
{{- with merge (deepCopy .Values.ingress.annotations) $own }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* The Service's annotations: some controllers read theirs there; the user's take precedence. */}}
{{- define "holdfast.serviceAnnotations" -}}
{{- $own := dict }}
{{- if .Values.ingress.enabled }}
{{- $own = include (printf "holdfast.ingress.%s.serviceAnnotations" .Values.ingress.controller) . | fromYaml }}
{{- end }}
{{- with merge (deepCopy .Values.service.annotations) $own }}{{ toYaml . }}{{ end }}
{{- end }}

{{- define "holdfast.ingress.tlsSecretName" -}}
{{- if .Values.tls.secretName }}
{{- .Values.tls.secretName }}
{{- else if or .Values.tls.certManager.clusterIssuer .Values.tls.certManager.issuer }}
{{- printf "%s-tls" (include "holdfast.fullname" .) }}
{{- end }}
{{- end }}

{{/*
Without a secret's name most controllers use a default certificate, or find one by the hosts. GKE and Azure take one from annotations
instead (ManagedCertificate, appgw-ssl-certificate), which a tls section would override.
*/}}
{{- define "holdfast.ingress.tls" -}}
{{- $secret := include "holdfast.ingress.tlsSecretName" . }}
{{- if and .Values.tls.enabled (or $secret (not (has .Values.ingress.controller (list "gke" "azure")))) }}
{{- $tls := dict }}
{{- with .Values.ingress.hosts }}{{ $_ := set $tls "hosts" . }}{{ end }}
{{- with $secret }}{{ $_ := set $tls "secretName" . }}{{ end }}
{{- /* An ALB with a named certificate needs no section, and an empty entry would name no host. */}}
{{- if or $tls (ne .Values.ingress.controller "alb") }}{{ list $tls | toYaml }}{{ end }}
{{- end }}
{{- end }}
