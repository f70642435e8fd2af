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

{{/*
The metrics that are a share of what containers request: Kubernetes cannot compute them if a container requests nothing, and does not scale. One
problem per line.
*/}}
{{- define "holdfast.scalingProblems" -}}
{{- $metrics := dict }}
{{- if eq .Values.autoscaling.provider "hpa" }}
{{- $_ := set $metrics "cpu" "autoscaling.targetCPUUtilizationPercentage" }}
{{- range .Values.autoscaling.extraMetrics }}
{{- if and (eq .type "Resource") (eq (dig "target" "type" "" (default dict .resource)) "Utilization") }}
{{- $_ := set $metrics (toString .resource.name) "autoscaling.extraMetrics" }}
{{- end }}
{{- end }}
{{- else }}
{{- range .Values.autoscaling.keda.extraTriggers }}
{{- if and (has .type (list "cpu" "memory")) (ne (toString .metricType) "AverageValue") (not (hasKey .metadata "containerName")) }}
{{- $_ := set $metrics .type "autoscaling.keda.extraTriggers" }}
{{- end }}
{{- end }}
{{- end }}
{{- $containers := dict "resources" .Values.resources }}
{{- range $index, $container := .Values.sidecars }}
{{- $_ := set $containers (printf "sidecars[%d].resources" $index) $container.resources }}
{{- end }}
{{- range $index, $container := .Values.initContainers }}
{{- if eq (toString $container.restartPolicy) "Always" }}
{{- $_ := set $containers (printf "initContainers[%d].resources" $index) $container.resources }}
{{- end }}
{{- end }}
{{- range $metric, $value := $metrics }}
{{- range $path, $resources := $containers }}
{{- $kept := include "holdfast.withoutEmpty" $resources | fromJson }}
{{- /* Without a request Kubernetes takes the limit. */}}
{{- if not (or (dig "requests" $metric "" $kept) (dig "limits" $metric "" $kept)) }}
{{ $path }}.requests.{{ $metric }}: expected a request, because {{ $value }} scales on its share of it. Set it, or use another metric
{{- end }}
{{- end }}
{{- end }}
{{- end }}
