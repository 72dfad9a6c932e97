{{- define "sekisho.injector" -}}
{{- if eq .Values.mode "injector" }}yes{{ end -}}
{{- end -}}

{{- define "sekisho.injector.name" -}}{{ include "sekisho.name" . }}-injector{{- end -}}

{{/* Of objects that belong to no namespace: two releases must not share them. */}}
{{- define "sekisho.injector.clusterName" -}}{{ include "sekisho.injector.name" . }}-{{ .Release.Namespace }}{{- end -}}

{{- define "sekisho.injector.secret" -}}{{ include "sekisho.injector.name" . }}-tls{{- end -}}

{{- define "sekisho.injector.selector" -}}
app.kubernetes.io/name: sekisho
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: injector
{{- end -}}

{{- define "sekisho.injector.labels" -}}
{{ include "sekisho.injector.selector" . }}
{{ include "sekisho.labels.chart" . }}
{{- end -}}

{{/* injector.yaml: what of it is said in `injector.settings`, and what the chart knows. */}}
{{- define "sekisho.injector.settings" -}}
{{- $given := dict -}}
{{- range $key, $value := .Values.injector.settings }}
{{- if kindIs "map" $value }}
{{- $inner := dict -}}
{{- range $name, $text := $value }}{{ if ne (toString $text) "" }}{{ $_ := set $inner $name $text }}{{ end }}{{ end -}}
{{- $_ := set $given $key $inner -}}
{{- else if or (kindIs "slice" $value) (ne (toString $value) "") }}
{{- $_ := set $given $key $value -}}
{{- end }}
{{- end -}}
{{/* A null in values takes a value away, and would leave the injector's own default. */}}
{{- if eq (toString .Values.injector.settings.fs_group) "0" }}{{ $_ := set $given "fs_group" nil }}{{ end -}}
{{- $image := dict "repository" .Values.image.repository "pull_policy" .Values.image.pullPolicy -}}
{{- with .Values.image.tag }}{{ $_ := set $image "tag" . }}{{ end -}}
{{- with .Values.image.digest }}{{ $_ := set $image "digest" . }}{{ end -}}
{{- with .Values.image.pullSecrets }}{{ $_ := set $image "pull_secret" (first .) }}{{ end -}}
{{- $_ := set $given "image" $image -}}
{{- $_ := set $given "own_namespace" .Release.Namespace -}}
{{- toYaml $given -}}
{{- end -}}

{{- define "sekisho.injector.certificates.args" -}}
args:
  - inject
  - certificates
  - --namespace={{ .Release.Namespace }}
  - --service={{ include "sekisho.injector.name" . }}
  - --secret={{ include "sekisho.injector.secret" . }}
  - --webhook={{ include "sekisho.injector.clusterName" . }}
  - --days={{ .Values.injector.certificates.days }}
  - --renew-before={{ .Values.injector.certificates.renewBefore }}
{{- end -}}

{{/* The pod that makes certificates, of a Job and of a CronJob: the only one of ours with a token. */}}
{{- define "sekisho.injector.certificates.pod" -}}
metadata:
  labels:
    {{- include "sekisho.injector.labels" . | replace "component: injector" "component: injector-certificates" | nindent 4 }}
spec:
  serviceAccountName: {{ include "sekisho.injector.name" . }}-certificates
  enableServiceLinks: false
  restartPolicy: OnFailure
  securityContext:
    runAsNonRoot: true
    seccompProfile: {type: RuntimeDefault}
  {{- include "sekisho.pullSecrets" . | nindent 2 }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: certificates
      image: {{ include "sekisho.image" .Values.image }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      command: [sekisho]
      {{- include "sekisho.injector.certificates.args" . | nindent 6 }}
      securityContext: {{- include "sekisho.security" . | nindent 8 }}
      resources: {{- toYaml .Values.injector.resources | nindent 8 }}
{{- end -}}
