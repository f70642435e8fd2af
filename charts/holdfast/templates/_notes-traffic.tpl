{{/* How clients reach the gateway. */}}
{{- define "holdfast.notes.traffic" -}}
Reach it from here:

  kubectl --namespace {{ .Release.Namespace }} port-forward service/{{ include "holdfast.serviceName" . }} 8000:{{ .Values.service.port | int64 }}
{{- end }}
