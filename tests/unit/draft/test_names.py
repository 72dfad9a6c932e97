"""Names people give to columns and tables, in the languages they speak."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.draft.names import of_column, of_devices, of_people, technical
from gateway.draft.sure import Sure


@pytest.mark.parametrize(
    ("names", "data_type"),
    [
        ("email userEmail E-MAIL mail_address メールアドレス 이메일 邮箱 อีเมล courriel", "user.contact.email"),
        ("phone phoneNumber TEL_NO 電話番号 휴대폰번호 手机号码 เบอร์โทรศัพท์ telefono", "user.contact.phone_number"),
        ("full_name 氏名 성명 姓名 ชื่อผู้ใช้ shimei", "user.name"),
        ("first_name Vorname prénom 下の名前", "user.name.first"),
        ("住所 주소 地址 ที่อยู่ home_address anschrift", "user.contact.address"),
        ("birthdate dob 生年月日 생년월일 出生日期 วันเกิด Geburtsdatum", "user.demographic.date_of_birth"),
        (
            "ssn my_number マイナンバー 주민등록번호 身份证号 身分證字號 บัตรประชาชน",
            "user.government_id.national_identification_number",
        ),
        ("card_number カード番号 卡号", "user.financial.credit_card"),
        ("client_ip ip_address", "user.device.ip_address"),
        ("user_id customerId sender_id 会員番号", "user.unique_id"),
        ("password_hash 비밀번호 密码", "user.authorization.password"),
        ("diagnosis 診断 진단 诊断", "user.health_and_medical"),
    ],
)
def test_what_a_name_says(names: str, data_type: str) -> None:
    for name in names.split():
        assert (data_type, Sure.HIGH) in {(one.data_type, one.sure) for one in of_column(name)}, name


@pytest.mark.parametrize("name", ["product_name", "file_name", "created_at", "state", "sku", "id", "hotel", "discount"])
def test_what_says_nothing(name: str) -> None:
    assert of_column(name) == ()


def test_a_name_alone_is_no_high_guess() -> None:
    assert [(one.data_type, one.sure) for one in of_column("name")] == [("user.name", Sure.MEDIUM)]
    assert [(one.data_type, one.sure) for one in of_column("email_body")] == [("user.contact.email", Sure.HIGH)]


@pytest.mark.parametrize(
    ("table", "subject"),
    [
        ("customers", "customer"),
        ("tbl_Kunden", "customer"),
        ("顧客マスタ", "customer"),
        ("mitarbeiter", "employee"),
        ("사원", "employee"),
        ("患者", "patient"),
        ("app_users", ""),
        ("companies", None),
        ("user_roles", None),
        ("stickers", None),
    ],
)
def test_whose_rows_a_table_has(table: str, subject: str | None) -> None:
    found = of_people(table)
    assert (None if found is None else found[0]) == subject


def test_a_word_is_found_whole() -> None:
    assert of_column("emailed") == ()
    assert of_column("connection_telescope") == ()
    assert of_column("the_date_of_birth_of_it") == of_column("DateOfBirth")
    assert [one.data_type for one in of_column("連絡メール先")] == ["user.contact.email"]
    assert of_people("顧客_users") == ("customer", Sure.HIGH)


def test_devices_and_what_is_technical() -> None:
    assert of_devices("user_devices")
    assert not of_devices("device_models")
    assert technical("createdAt")
    assert not technical("created_by")


@given(st.text(max_size=80))
def test_any_name_has_an_answer(name: str) -> None:
    of_column(name)
    of_people(name)
    assert technical(name) in (True, False)
