"""The Rego library's quirks, each as measured: a version that changes one shows here first."""

from __future__ import annotations

import json
import threading

import pytest
import regorus

from gateway.errors import PolicyUnavailable, Reason
from gateway.policy.rego import RegoError, RegoProgram, check_syntax, holds_undefined, plain_error

ENTRY = "data.t.answer"


def program(body: str, data: dict | None = None) -> RegoProgram:
    return RegoProgram([("t/t.rego", f"package t\n\n{body}\n")], data or {}, ENTRY)


def test_a_defined_rule_has_its_value() -> None:
    assert program('answer := {"n": input.n, "d": data.d}', {"d": [1]}).evaluate({"n": 2}) == {"n": 2, "d": [1]}


def test_the_library_says_undefined_as_a_text() -> None:
    compiled = regorus.Program.compile_from_modules("{}", [("t.rego", "package t\nanswer := input.x")], [ENTRY])
    machine = regorus.Rvm()
    machine.load_program(compiled)
    machine.set_input_json("{}")
    assert json.loads(machine.execute_entry_point(ENTRY)) == "<undefined>"


@pytest.mark.parametrize(
    "body",
    [
        "answer := input.x",
        "answer contains input.x",  # the set then holds the word
        "answer := [v | some k in [1]; v := input[k]]",  # := binds an undefined value
        "answer := 1 if input.x\nanswer := 2 if input.y",
    ],
)
def test_undefined_anywhere_is_no_answer(body: str) -> None:
    with pytest.raises(PolicyUnavailable) as caught:
        program(body).evaluate({})
    assert caught.value.reason is Reason.ENGINE_UNDEFINED


@pytest.mark.parametrize("value", ["<undefined>", ["a", ["<undefined>"]], {"a": {"b": "<undefined>"}}])
def test_the_word_is_found_at_any_depth(value: object) -> None:
    assert holds_undefined(value)


def test_two_values_for_one_rule_are_no_answer() -> None:
    with pytest.raises(PolicyUnavailable) as caught:
        program("answer := 1 if input.x\nanswer := 2 if input.x").evaluate({"x": True})
    assert caught.value.reason is Reason.ENGINE_UNDEFINED


def test_another_thread_panics_and_it_is_no_answer() -> None:
    ours = program("answer := 1")
    seen: list[BaseException] = []

    def ask() -> None:
        try:
            ours.evaluate({})
        except BaseException as problem:
            seen.append(problem)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert isinstance(seen[0], PolicyUnavailable)
    assert seen[0].reason is Reason.ENGINE_FAILED
    assert "thread" not in str(seen[0]).lower()
    assert ours.evaluate({}) == 1, "the thread that made it goes on"


LONG = "answer := count([1 | some i in input.many; some j in input.many; i != j])"


def test_a_compiled_program_ends_after_so_many_instructions() -> None:
    compiled = regorus.Program.compile_from_modules("{}", [("t.rego", f"package t\n\n{LONG}")], [ENTRY])
    machine = regorus.Rvm()
    machine.load_program(compiled)
    machine.set_input_json(json.dumps({"many": list(range(100))}))
    with pytest.raises(RuntimeError, match="exceeded maximum instruction limit of 25000"):
        machine.execute_entry_point(ENTRY)


def test_what_is_too_long_for_a_compiled_program_is_no_answer_and_the_next_one_is() -> None:
    ours = program(LONG)
    assert ours.evaluate({"many": [1, 2, 3]}) == 6
    with pytest.raises(PolicyUnavailable) as caught:
        ours.evaluate({"many": list(range(100))})
    assert caught.value.reason is Reason.ENGINE_FAILED
    assert caught.value.detail.startswith("it names more than the embedded policy engine can judge")
    assert ours.evaluate({"many": [1, 2, 3]}) == 6


def test_the_panic_is_a_base_exception() -> None:
    machine = regorus.Rvm()
    seen: list[BaseException] = []

    def ask() -> None:
        try:
            machine.set_input_json("{}")
        except BaseException as problem:
            seen.append(problem)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    problem = seen.pop()  # else it would hold itself, and the machine, until somebody collects them, in whatever thread
    assert type(problem).__name__ == "PanicException"
    assert not isinstance(problem, Exception)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_not_taken_for_a_failure_of_the_library(
    monkeypatch: pytest.MonkeyPatch, interrupt: type[BaseException]
) -> None:
    class Interrupted:
        def set_input_json(self, text: str) -> None:
            raise interrupt

    ours = program("answer := 1")
    monkeypatch.setattr(ours, "_vm", Interrupted())
    with pytest.raises(interrupt):
        ours.evaluate({})


def test_the_library_puts_stack_traces_into_its_errors_and_none_goes_out() -> None:
    with pytest.raises(RuntimeError, match="Stack backtrace:"):
        regorus.Engine().add_policy("t.rego", "package t\nanswer := ")
    error = check_syntax("law/t.rego", "package law\nanswer := ")
    assert error == "law/t.rego:2: expecting expression"


def test_a_module_without_fault_has_no_error() -> None:
    assert check_syntax("t.rego", "package t\nanswer := 1") is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("answer := nowhere(1)", "t/t.rego:3: Unknown function: 'nowhere'"),
        ("answer := 1 if nothing", "t/t.rego:3: use of undefined variable `nothing` is unsafe"),
    ],
)
def test_compile_errors_name_file_and_line(body: str, message: str) -> None:
    with pytest.raises(RegoError) as caught:
        program(body)
    assert str(caught.value) == message


def test_an_error_without_a_place_keeps_its_words() -> None:
    assert plain_error("data must be object\n\nStack backtrace:\n  0: <unknown>") == "data must be object"
    assert plain_error("Stack backtrace:\n  0: <unknown>") == "the module does not compile"


def test_a_value_json_has_not_is_a_failure() -> None:
    with pytest.raises(PolicyUnavailable) as caught:
        program("answer := 1").evaluate({"x": float("nan")})
    assert caught.value.reason is Reason.ENGINE_FAILED


# Why packs give reasons by negation, and a decision counts passes: the plain way of writing a rule allows all of these.
@pytest.mark.parametrize("document", [[], None, {"subject": 1}])
def test_a_rule_that_denies_on_equality_allows_what_is_not_an_input(document: object) -> None:
    naive = program('default answer := "allow"\nanswer := "deny" if input.country == "CN"')
    assert naive.evaluate(document) == "allow"  # type: ignore[arg-type]


@pytest.mark.parametrize("condition", ["input.age < 365", 'input.age < ""'])
def test_null_is_less_than_anything(condition: str) -> None:
    assert program(f'default answer := "deny"\nanswer := "allow" if {condition}').evaluate({"age": None}) == "allow"


def test_a_builtin_on_another_type_is_undefined_and_its_negation_true() -> None:
    ours = program('default answer := "deny"\nanswer := "allow" if not startswith(input.name, "x")')
    assert ours.evaluate({"name": 3}) == "allow"


def test_an_assignment_of_undefined_succeeds() -> None:
    ours = program('default answer := "deny"\nanswer := "allow" if {\n\tx := input.x\n\tnot x == 3\n}')
    assert ours.evaluate({}) == "allow"
