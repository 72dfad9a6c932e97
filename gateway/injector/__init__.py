"""Puts the gateway beside an application's container: a pod in, a JSON Patch (RFC 6902) out. Pure: no cluster, no file.

    settings      ``InjectorSettings``: image, form, volumes, ports, resources; checked when made
    sidecar       what is added: the container, its volumes, probes and security context
    address       a database's address in one value, written anew; environment in which variables of which containers
    patch         ``inject(pod, settings)``: whether, and by which operations; or a denial with its reason
    answers       what that can be; json_patch the operations, applied, and templates the pods of what makes pods: for
                  `sekisho inject pod`

A pod opts in with the annotation ``sekisho.dev/inject: "true"``. Two things more it may choose, and nothing else, or
who writes the pod would choose the image as well: its record's claim (``sekisho.dev/record-claim``), and which of its
variables hold the database's address and get the sidecar's (``sekisho.dev/rewrite-env: DATABASE_URL,PGHOST``).

Three answers: ``Patch`` with operations, ``Patch`` without (the pod did not ask, lives in an excluded namespace, or was
patched before), ``Denied``. A pod that asks and cannot be served safely is denied, never let in without the gateway:
on the host's network 127.0.0.1 belongs to the whole node; with shared processes the application reads the gateway's
secrets; on an emptyDir the record would end with the pod (but where a sink has what decides before bytes go on); a
variable that cannot be rewritten, because a Secret holds it, would lead round the gateway.

Asking twice is asking once: the annotation ``sekisho.dev/injected`` marks a patched pod, and is believed only where the
sidecar is there and is still ours. The doors listen on 127.0.0.1 of the pod, which a kubelet cannot reach: probes run
inside the container. Golden pods, before and after, are in ``tests/golden/injector``.
"""
