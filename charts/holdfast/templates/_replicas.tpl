{{/*
The `replicas` of an autoscaled Deployment; empty if it is safe to omit the field.

If Helm set `replicas` and its next manifest omits it, the field is removed and defaults to 1. With server-side apply this only happens while
nobody else owns the field, so the running count is rendered until the autoscaler has set it once. With client-side
apply (Helm 3, or a release that began with it) Helm only compares its manifests, so the running count is always rendered.
https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership
*/}}
{{- define "holdfast.autoscaledReplicas" -}}
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace (include "holdfast.fullname" .) | default dict }}
{{- $owned := false }}
{{- $shared := false }}
{{- $serverSide := false }}
{{- range dig "metadata" "managedFields" list $live }}
{{- $spec := dig "fieldsV1" "f:spec" dict . }}
{{- if and (eq .operation "Apply") (hasKey $spec "f:template") }}
{{- $serverSide = true }}
{{- end }}
{{- if hasKey $spec "f:replicas" }}
{{- if eq (dig "subresource" "" .) "scale" }}
{{- $shared = true }}
{{- else }}
{{- $owned = true }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $live (or (not $serverSide) (and $owned (not $shared))) }}
{{- dig "spec" "replicas" 1 $live | int64 }}
{{- end }}
{{- end }}
