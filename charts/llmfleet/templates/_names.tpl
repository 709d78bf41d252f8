{{/* Name of everything in the release. */}}
{{- define "llmfleet.name" -}}
{{- $name := ternary .Release.Name (printf "%s-llmfleet" .Release.Name) (contains "llmfleet" .Release.Name) -}}
{{- $name | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{/* What selects the operator's pods; never changes. */}}
{{- define "llmfleet.selector" -}}
app.kubernetes.io/name: llmfleet-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of every object of the chart. */}}
{{- define "llmfleet.labels" -}}
{{ include "llmfleet.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{/* What the operator may do in each namespace it looks after. */}}
{{- define "llmfleet.rules" -}}
- apiGroups: [llmfleet.io]
  resources: [llmdeployments]
  verbs: [get, list, watch]
- apiGroups: [llmfleet.io]
  resources: [llmdeployments/status]
  verbs: [patch]
# For blockOwnerDeletion in the owner references of children.
- apiGroups: [llmfleet.io]
  resources: [llmdeployments/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments, controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
# Patched are two annotations: which pod leaves first, and the number of the live document.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
# Whether somebody else's autoscaler aims at a fleet.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list]
{{- end }}

{{- define "llmfleet.clusterRules" -}}
# Whether there is room for one more replica: rollout.type Auto asks before each step.
- apiGroups: [""]
  resources: [nodes]
  verbs: [list]
{{- end }}
