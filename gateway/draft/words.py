"""The words themselves: what columns and tables are called in several languages, by what they mean.

``=name`` is a whole name, ``given_name`` is two words after each other; what is not Latin stands anywhere in a name, as
there is no blank between its words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.draft.sure import Sure


@dataclass(frozen=True, slots=True)
class Words:
    """Names of one meaning."""

    meaning: str
    sure: Sure
    words: str


_HIGH, _MEDIUM, _LOW = Sure.HIGH, Sure.MEDIUM, Sure.LOW
COLUMNS: Final = (
    Words(
        "user.contact.email",
        _HIGH,
        "email e_mail mail_address mailaddress courriel correo correo_electronico メール メアド 이메일 전자우편 "
        "邮箱 邮件 郵箱 電子郵件 電郵 อีเมล epost",
    ),
    Words("user.contact.email", _MEDIUM, "=mail user_mail"),
    Words(
        "user.contact.phone_number",
        _HIGH,
        "phone phone_number phone_no telephone telefon telefono telefone mobile_number mobile_no msisdn "
        "handynummer handy keitai denwa denwa_bango tel_no telno 電話 携帯 전화 휴대폰 핸드폰 手机 手機 电话 "
        "โทรศัพท์ เบอร์โทร no_hp dien_thoai celular",
    ),
    Words("user.contact.phone_number", _MEDIUM, "tel mobile fax cell_phone jeonhwa shouji dianhua"),
    Words(
        "user.name.first",
        _HIGH,
        "first_name firstname given_name forename vorname prenom nombre_pila middle_name mei_kana 下の名前 ชื่อจริง",
    ),
    Words(
        "user.name.last",
        _HIGH,
        "last_name lastname surname family_name nachname nom_famille nom_de_famille apellido apellidos cognome "
        "sobrenome maiden_name sei_kana 苗字 名字 นามสกุล",
    ),
    Words(
        "user.name",
        _HIGH,
        "full_name fullname real_name legal_name person_name customer_name patient_name employee_name member_name "
        "shimei xingming ho_ten nombre_completo 氏名 名前 姓名 성명 성함 ชื่อผู้ ชื่อ-นามสกุล フリガナ ふりがな",
    ),
    Words("user.name", _MEDIUM, "=name =names =nom =nombre =nome =namae =ireum contact_name display_name 이름 ชื่อ"),
    Words(
        "user.account.username",
        _MEDIUM,
        "username user_name login login_name screen_name nickname handle ニックネーム 닉네임 昵称",
    ),
    Words(
        "user.contact.address",
        _HIGH,
        "home_address postal_address street_address mailing_address billing_address shipping_address "
        "delivery_address address_line address1 address2 jusho 住所 所在地 주소 地址 住址 ที่อยู่ alamat dia_chi "
        "direccion endereco indirizzo anschrift",
    ),
    Words("user.contact.address", _MEDIUM, "=address =addr =adresse juso dizhi"),
    Words("user.contact.address.street", _MEDIUM, "street street_name strasse rue calle rua 番地"),
    Words(
        "user.contact.address.postal_code",
        _HIGH,
        "postal_code postcode post_code zip_code zipcode plz code_postal codigo_postal cep 郵便番号 우편번호 邮编 "
        "郵遞區號 รหัสไปรษณีย์",
    ),
    Words("user.contact.address.postal_code", _MEDIUM, "=zip yubin"),
    Words(
        "user.contact.address.city",
        _MEDIUM,
        "=city =town city_name ville ciudad cidade stadt 市区町村 도시 城市",
    ),
    Words("user.contact.address.state", _LOW, "prefecture province 都道府県 省份"),
    Words(
        "user.contact.address.country",
        _MEDIUM,
        "country country_code land_code pays pais 国 国家 國家 국가 ประเทศ",
    ),
    Words(
        "user.demographic.date_of_birth",
        _HIGH,
        "birth_date birthdate birthday date_of_birth dob birth_day geburtsdatum geburtstag date_naissance "
        "fecha_nacimiento data_nascimento data_nascita seinengappi 生年月日 誕生日 생년월일 생일 出生日期 "
        "出生年月日 生日 วันเกิด ngay_sinh tgl_lahir",
    ),
    Words("user.demographic.age_range", _MEDIUM, "=age age_group age_range 年齢 나이 年龄 年齡 อายุ"),
    Words("user.demographic.gender", _HIGH, "gender sex geschlecht sexe sexo seibetsu 性別 성별 性别 เพศ"),
    Words("user.demographic.nationality", _MEDIUM, "nationality citizenship 国籍 국적 國籍 สัญชาติ"),
    Words("user.demographic.race_ethnicity", _HIGH, "race ethnicity ethnic 人種 民族 인종"),
    Words("user.demographic.religious_belief", _HIGH, "religion religious_belief 宗教 종교 ศาสนา"),
    Words("user.demographic.political_opinion", _HIGH, "political_opinion political_party 政治"),
    Words("user.demographic.sexual_orientation", _HIGH, "sexual_orientation 性的指向"),
    Words("user.demographic.marital_status", _MEDIUM, "marital_status 婚姻 결혼"),
    Words(
        "user.government_id.national_identification_number",
        _HIGH,
        "ssn social_security national_id my_number mynumber kojin_bango rrn jumin jumin_no shenfenzheng id_card "
        "citizen_id nino cpf dni nif codice_fiscale personnummer pesel aadhaar nik cccd steuer_id tax_id "
        "マイナンバー 個人番号 주민등록번호 주민번호 身份证 身分證 บัตรประชาชน",
    ),
    Words(
        "user.government_id.passport_number",
        _HIGH,
        "passport passport_number passport_no パスポート 旅券 여권 护照 護照 หนังสือเดินทาง",
    ),
    Words(
        "user.government_id.drivers_license_number",
        _HIGH,
        "driver_license drivers_license driving_licence license_number 免許 운전면허 驾照 駕照 ใบขับขี่",
    ),
    Words(
        "user.government_id.vehicle_registration",
        _MEDIUM,
        "license_plate plate_number vehicle_registration 车牌 車牌 차량번호",
    ),
    Words(
        "user.financial.credit_card",
        _HIGH,
        "credit_card card_number card_no cardnumber pan kreditkarte カード番号 카드번호 信用卡 卡号 บัตรเครดิต",
    ),
    Words("user.authorization.credentials", _MEDIUM, "cvv cvc pin_code security_code"),
    Words(
        "user.financial.bank_account",
        _HIGH,
        "iban bank_account account_number bankkonto kontonummer 口座 계좌 银行账号 銀行帳號 บัญชีธนาคาร",
    ),
    Words(
        "user.financial",
        _MEDIUM,
        "salary income wage balance credit_score loan 給与 年収 급여 연봉 工资 薪資 เงินเดือน",
    ),
    Words(
        "user.payment",
        _MEDIUM,
        "payment payment_method paid_at amount price total currency 支払 決済 결제 支付 付款",
    ),
    Words(
        "user.device.ip_address",
        _HIGH,
        "ip_address ip_addr ipaddress client_ip remote_ip remote_addr login_ip ipv4 ipv6",
    ),
    Words("user.device.ip_address", _MEDIUM, "=ip"),
    Words(
        "user.device.device_id",
        _HIGH,
        "device_id deviceid imei imsi udid idfa idfv gaid adid mac_address android_id 端末 기기",
    ),
    Words("user.device.cookie_id", _MEDIUM, "cookie cookie_id"),
    Words("user.device", _MEDIUM, "user_agent useragent device_model os_version"),
    Words(
        "user.location.precise",
        _HIGH,
        "latitude longitude lat lng lon geo_point geolocation gps 緯度 経度 위도 경도 纬度 经度",
    ),
    Words("user.location", _LOW, "location place geo 位置 위치"),
    Words(
        "user.authorization.password",
        _HIGH,
        "password passwd password_hash pwd passwort mot_de_passe パスワード 비밀번호 密码 密碼 รหัสผ่าน",
    ),
    Words(
        "user.authorization.credentials",
        _MEDIUM,
        "token access_token refresh_token secret api_key otp totp session_key",
    ),
    Words(
        "user.biometric",
        _HIGH,
        "biometric fingerprint face_id faceid faceprint voiceprint iris 指紋 顔認証 지문 指纹",
    ),
    Words(
        "user.health_and_medical",
        _HIGH,
        "diagnosis diagnoses medical disease symptom symptoms prescription medication allergy blood_type "
        "treatment icd10 病名 診断 病歴 健康 진단 질병 诊断 病历 診斷 病歷 โรค",
    ),
    Words("user.health_and_medical", _MEDIUM, "health disability weight height bmi 障害 体重 身長"),
    Words("user.criminal_history", _HIGH, "criminal criminal_record conviction convictions 犯罪 前科 범죄"),
    Words("user.job_title", _MEDIUM, "job_title occupation position_title 役職 職業 직업 직책 职位 職位 อาชีพ"),
    Words("user.workplace", _LOW, "employer company_name department 勤務先 회사명 单位"),
    Words(
        "user.content.private",
        _MEDIUM,
        "message_body message_text chat_text private_message direct_message dm_text 本文 メッセージ 메시지 消息 ข้อความ",
    ),
    Words(
        "user.content.private",
        _LOW,
        "body message text content comment comments note notes memo remarks 備考 コメント 비고 备注 備註",
    ),
    Words("user.content.public", _LOW, "caption bio biography about_me profile_text 自己紹介 자기소개"),
    Words(
        "user.behavior",
        _MEDIUM,
        "last_login last_seen search_query search_history click_url page_view visited_at",
    ),
    Words(
        "user.unique_id",
        _HIGH,
        "user_id userid uid customer_id client_id member_id patient_id employee_id person_id subscriber_id "
        "account_id contact_id applicant_id guest_id passenger_id owner_id sender_id recipient_id user_uuid mid "
        "会員番号 顧客番号 社員番号 회원번호 고객번호 会员号 會員編號",
    ),
    Words("user.unique_id", _LOW, "created_by updated_by reported_by assigned_to author author_id"),
)
# Tables whose rows are people, by the kind of people (a Fides data subject; "" where the name does not say which).
PEOPLE: Final = (
    Words(
        "customer",
        _HIGH,
        "customer client subscriber buyer shopper kunde cliente kokyaku 顧客 고객 客户 客戶 ลูกค้า",
    ),
    Words(
        "employee",
        _HIGH,
        "employee staff personnel mitarbeiter empleado shain 社員 従業員 職員 직원 사원 员工 員工 พนักงาน",
    ),
    Words("patient", _HIGH, "patient paciente 患者 환자 病人 ผู้ป่วย"),
    Words("job_applicant", _HIGH, "applicant candidate bewerber 応募者 지원자 应聘者 ผู้สมัคร"),
    Words("visitor", _HIGH, "visitor guest 来訪者 방문자 访客"),
    Words("passenger", _HIGH, "passenger traveller traveler 乗客 승객 乘客"),
    Words("prospect", _MEDIUM, "prospect lead 見込客"),
    Words("shareholder", _HIGH, "shareholder 株主 주주 股东"),
    Words("supplier_vendor", _MEDIUM, "supplier vendor 仕入先"),
    Words("trainee", _MEDIUM, "trainee apprentice 研修生"),
    Words("next_of_kin", _HIGH, "next_of_kin dependant dependent 扶養家族"),
    Words(
        "",
        _HIGH,
        "user person people member contact account profile individual citizen resident student teacher driver "
        "owner benutzer utilisateur usuario kaiin 会員 利用者 ユーザー 회원 사용자 用户 用戶 使用者 会员 會員 "
        "ผู้ใช้ สมาชิก",
    ),
)
DEVICES: Final = (Words("device", _HIGH, "device handset terminal_device phone_device 端末 기기 设备 設備 อุปกรณ์"),)
# What is about nothing but the row: when it was made, in which order, whether it is still there.
TECHNICAL: Final = (
    Words(
        "",
        _MEDIUM,
        "=created_at =updated_at =modified_at =deleted_at =inserted_at =created_on =updated_on =created =updated "
        "=create_time =update_time =created_time =updated_time =version =row_version =lock_version =sort_order "
        "=position =xmin_seen =etag",
    ),
)
