"""A typed client of sekisho.v1, for programs that ask before they act; synchronous and asynchronous.

    from gateway.client import Client

    with Client("sekisho.example:8443", token=token) as sekisho:
        answer = sekisho.authorize("messenger", "SELECT name FROM users")
        print(answer.allowed, answer.message, answer.hint)

A denial is an answer, never an exception; ``Refused`` means that no question was put, and a program that gets it must
not act either: it has the gateway's reason code. Calls have a deadline, of the client (``timeout``) or of one call
(``within``); streams have none. Where the gateway cannot be reached, those that may be asked twice are tried twice more
within it: to ask, not to tell what went out.

Map:
    sync      Client; asynchronous: AsyncClient, call for call the same
    messages  what is asked and what is answered, as frozen values; to and from the wire
    channel   how the gateway is reached: TLS, whose certificate, deadlines, what is tried again, what went wrong
"""

from gateway.client.asynchronous import AsyncClient as AsyncClient
from gateway.client.channel import Refused as Refused
from gateway.client.channel import Settings as Settings
from gateway.client.messages import Answer as Answer
from gateway.client.messages import Explanation as Explanation
from gateway.client.messages import Found as Found
from gateway.client.messages import Question as Question
from gateway.client.messages import Resource as Resource
from gateway.client.messages import ResourceColumn as ResourceColumn
from gateway.client.sync import Client as Client
