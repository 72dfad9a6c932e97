"""The mutating webhook of Kubernetes: pods in, sidecars added.

Map:
    review      an AdmissionReview (admission.k8s.io/v1) and its answer; no socket, nothing of Flask
    webhook     the application: /inject, beside it health and metrics, and what is counted
    service     it on its addresses under TLS, from start to SIGTERM

An API server asks before a pod is made. `gateway.injector` answers; this only moves documents. What is not understood
is refused: with `failurePolicy: Fail` a pod that asked for the gateway is then not made, rather than made without it.
Nothing is kept, so a dry run is a run.
"""
