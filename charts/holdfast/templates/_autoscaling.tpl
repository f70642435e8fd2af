{{/*
Scales up at once, because reconnecting clients do not wait. Scales down by one pod in the time that a pod takes to stop, because each moves all
its clients to the others. 1800 s is the longest period that Kubernetes accepts.
*/}}
{{- define "holdfast.scalingBehavior" -}}
{{- if .Values.autoscaling.behavior }}
{{- toYaml .Values.autoscaling.behavior }}
{{- else }}
scaleUp:
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies:
    - type: Percent
      value: 100
      periodSeconds: 15
    - type: Pods
      value: 4
      periodSeconds: 15
scaleDown:
  stabilizationWindowSeconds: 300
  policies:
    - type: Pods
      value: 1
      periodSeconds: {{ min 1800 (max 1 (include "holdfast.drainSeconds" . | int64)) }}
{{- end }}
{{- end }}
