{{/*
GKE Ingress, Google's Application Load Balancers: the limits are in a BackendConfig, the redirect in a FrontendConfig, both named by
annotations. The class is read from its annotation only, never from ingressClassName.
https://cloud.google.com/kubernetes-engine/docs/how-to/ingress-configuration
https://cloud.google.com/kubernetes-engine/docs/concepts/ingress#controller_summary
https://cloud.google.com/kubernetes-engine/docs/how-to/container-native-load-balancing
*/}}
{{- define "holdfast.ingress.gke.annotations" -}}
kubernetes.io/ingress.class: {{ include "holdfast.ingress.className" . | quote }}
{{- if and .Values.tls.enabled .Values.tls.redirect }}
networking.gke.io/v1beta1.FrontendConfig: {{ include "holdfast.fullname" . | quote }}
{{- end }}
{{- end }}

{{- define "holdfast.ingress.gke.serviceAnnotations" -}}
{{- /* Without network endpoint groups the load balancer sees nodes, and affinity would be to a node. */}}
cloud.google.com/neg: {{ dict "ingress" true | toJson | quote }}
cloud.google.com/backend-config: {{ dict "default" (include "holdfast.fullname" .) | toJson | quote }}
{{- end }}

{{- define "holdfast.ingress.gke.problems" -}}
{{- include "holdfast.google.problems" (dict "root" . "controller" "gke") }}
{{- end }}

{{/* The limits of Google's load balancers, the same for Ingress and Gateway. Takes root and controller. */}}
{{- define "holdfast.google.problems" -}}
{{- $values := .root.Values }}
{{- include "holdfast.problemAbove" (dict "value" "timeouts.preStop + settle + drain" "number" (include "holdfast.drainSeconds" .root) "maximum" 3600 "controller" .controller) }}
{{- if eq $values.sessionAffinity.mode "cookie" }}
{{- include "holdfast.cookie.problems" (dict "root" .root "controller" .controller "cannot" (list "name" "secure" "sameSite")) }}
{{- include "holdfast.problemAbove" (dict "value" "sessionAffinity.cookie.maxAge" "number" $values.sessionAffinity.cookie.maxAge "maximum" 1209600 "controller" .controller) }}
{{- end }}
{{- end }}

{{/* Google's names of the affinity modes. */}}
{{- define "holdfast.google.affinity" -}}
{{- get (dict "none" "NONE" "clientIP" "CLIENT_IP" "cookie" "GENERATED_COOKIE") .Values.sessionAffinity.mode }}
{{- end }}
