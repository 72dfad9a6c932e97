from gateway.config_services import EnvoyDoor, Route


def test_nothing_is_believed_unless_it_is_said() -> None:
    door = EnvoyDoor()
    assert (door.networks, door.trusted_hops, door.jwt_payload, door.client_certificates) == ((), 0, None, False)
    route = Route(path="/", datasource="crm")
    assert (route.methods, route.reads, route.parameters, route.body_fields, route.embeds) == (
        ("GET",),
        "fixed",
        (),
        (),
        (),
    )
