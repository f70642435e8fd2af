{{/*
How many pods an autoscaled Deployment has to be rendered with; empty, so that `replicas` is left out, wherever that is safe.

A `replicas` that Helm set and that its next manifest leaves out is removed, and a removed one defaults to 1. With server-side apply
that is so while nobody else owns the field, so it stays what it is until the autoscaler has set it once. With client-side
apply (Helm 3, or a release that began with it) Helm compares its manifests only, so it stays for good.
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
