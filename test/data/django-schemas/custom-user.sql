-- A project with AUTH_USER_MODEL=accounts.User on Django 3.2.
-- Ran: Django 3.2.25 with Django REST Framework 3.14.0.
-- The model, with a BigAutoField, is in `scripts/django-schemas/accounts/`.
-- Made by `npm run django-schemas`: not to be edited.

CREATE TABLE "django_migrations" (
  "id" bigserial NOT NULL PRIMARY KEY,
  "app" varchar(255) NOT NULL,
  "name" varchar(255) NOT NULL,
  "applied" timestamp with time zone NOT NULL
);
CREATE TABLE "django_content_type" (
  "id" serial NOT NULL PRIMARY KEY,
  "name" varchar(100) NOT NULL,
  "app_label" varchar(100) NOT NULL,
  "model" varchar(100) NOT NULL
);
ALTER TABLE "django_content_type" ADD CONSTRAINT "django_content_type_app_label_model_76bd3d3b_uniq" UNIQUE ("app_label", "model");
ALTER TABLE "django_content_type" ALTER COLUMN "name" DROP NOT NULL;
ALTER TABLE "django_content_type" DROP COLUMN "name" CASCADE;
CREATE TABLE "auth_permission" (
  "id" serial NOT NULL PRIMARY KEY,
  "name" varchar(50) NOT NULL,
  "content_type_id" integer NOT NULL,
  "codename" varchar(100) NOT NULL
);
CREATE TABLE "auth_group" (
  "id" serial NOT NULL PRIMARY KEY,
  "name" varchar(80) NOT NULL UNIQUE
);
CREATE TABLE "auth_group_permissions" (
  "id" bigserial NOT NULL PRIMARY KEY,
  "group_id" integer NOT NULL,
  "permission_id" integer NOT NULL
);
ALTER TABLE "auth_permission" ADD CONSTRAINT "auth_permission_content_type_id_codename_01ab375a_uniq" UNIQUE ("content_type_id", "codename");
ALTER TABLE "auth_permission" ADD CONSTRAINT "auth_permission_content_type_id_2f476e4b_fk_django_co" FOREIGN KEY ("content_type_id") REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX "auth_permission_content_type_id_2f476e4b" ON "auth_permission" ("content_type_id");
CREATE INDEX "auth_group_name_a6ea08ec_like" ON "auth_group" ("name" varchar_pattern_ops);
ALTER TABLE "auth_group_permissions" ADD CONSTRAINT "auth_group_permissions_group_id_permission_id_0cd325b0_uniq" UNIQUE ("group_id", "permission_id");
ALTER TABLE "auth_group_permissions" ADD CONSTRAINT "auth_group_permissions_group_id_b120cbf9_fk_auth_group_id" FOREIGN KEY ("group_id") REFERENCES "auth_group" ("id") DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE "auth_group_permissions" ADD CONSTRAINT "auth_group_permissio_permission_id_84c5c92e_fk_auth_perm" FOREIGN KEY ("permission_id") REFERENCES "auth_permission" ("id") DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX "auth_group_permissions_group_id_b120cbf9" ON "auth_group_permissions" ("group_id");
CREATE INDEX "auth_group_permissions_permission_id_84c5c92e" ON "auth_group_permissions" ("permission_id");
ALTER TABLE "auth_permission" ALTER COLUMN "name" TYPE varchar(255);
ALTER TABLE "auth_group" ALTER COLUMN "name" TYPE varchar(150);
CREATE TABLE "accounts_user" (
  "id" bigserial NOT NULL PRIMARY KEY,
  "password" varchar(128) NOT NULL,
  "last_login" timestamp with time zone NULL,
  "is_superuser" boolean NOT NULL,
  "username" varchar(150) NOT NULL UNIQUE,
  "first_name" varchar(150) NOT NULL,
  "last_name" varchar(150) NOT NULL,
  "email" varchar(254) NOT NULL,
  "is_staff" boolean NOT NULL,
  "is_active" boolean NOT NULL,
  "date_joined" timestamp with time zone NOT NULL
);
CREATE TABLE "accounts_user_groups" (
  "id" bigserial NOT NULL PRIMARY KEY,
  "user_id" bigint NOT NULL,
  "group_id" integer NOT NULL
);
CREATE TABLE "accounts_user_user_permissions" (
  "id" bigserial NOT NULL PRIMARY KEY,
  "user_id" bigint NOT NULL,
  "permission_id" integer NOT NULL
);
CREATE INDEX "accounts_user_username_6088629e_like" ON "accounts_user" ("username" varchar_pattern_ops);
ALTER TABLE "accounts_user_groups" ADD CONSTRAINT "accounts_user_groups_user_id_group_id_59c0b32f_uniq" UNIQUE ("user_id", "group_id");
ALTER TABLE "accounts_user_groups" ADD CONSTRAINT "accounts_user_groups_user_id_52b62117_fk_accounts_user_id" FOREIGN KEY ("user_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE "accounts_user_groups" ADD CONSTRAINT "accounts_user_groups_group_id_bd11a704_fk_auth_group_id" FOREIGN KEY ("group_id") REFERENCES "auth_group" ("id") DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX "accounts_user_groups_user_id_52b62117" ON "accounts_user_groups" ("user_id");
CREATE INDEX "accounts_user_groups_group_id_bd11a704" ON "accounts_user_groups" ("group_id");
ALTER TABLE "accounts_user_user_permissions" ADD CONSTRAINT "accounts_user_user_permi_user_id_permission_id_2ab516c2_uniq" UNIQUE ("user_id", "permission_id");
ALTER TABLE "accounts_user_user_permissions" ADD CONSTRAINT "accounts_user_user_p_user_id_e4f0a161_fk_accounts_" FOREIGN KEY ("user_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE "accounts_user_user_permissions" ADD CONSTRAINT "accounts_user_user_p_permission_id_113bb443_fk_auth_perm" FOREIGN KEY ("permission_id") REFERENCES "auth_permission" ("id") DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX "accounts_user_user_permissions_user_id_e4f0a161" ON "accounts_user_user_permissions" ("user_id");
CREATE INDEX "accounts_user_user_permissions_permission_id_113bb443" ON "accounts_user_user_permissions" ("permission_id");
CREATE TABLE "django_admin_log" (
  "id" serial NOT NULL PRIMARY KEY,
  "action_time" timestamp with time zone NOT NULL,
  "object_id" text NULL,
  "object_repr" varchar(200) NOT NULL,
  "action_flag" smallint NOT NULL CHECK ("action_flag" >= 0),
  "change_message" text NOT NULL,
  "content_type_id" integer NULL,
  "user_id" bigint NOT NULL
);
ALTER TABLE "django_admin_log" ADD CONSTRAINT "django_admin_log_content_type_id_c4bce8eb_fk_django_co" FOREIGN KEY ("content_type_id") REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE "django_admin_log" ADD CONSTRAINT "django_admin_log_user_id_c564eba6_fk_accounts_user_id" FOREIGN KEY ("user_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX "django_admin_log_content_type_id_c4bce8eb" ON "django_admin_log" ("content_type_id");
CREATE INDEX "django_admin_log_user_id_c564eba6" ON "django_admin_log" ("user_id");
CREATE TABLE "authtoken_token" (
  "key" varchar(40) NOT NULL PRIMARY KEY,
  "created" timestamp with time zone NOT NULL,
  "user_id" bigint NOT NULL UNIQUE
);
ALTER TABLE "authtoken_token" ADD CONSTRAINT "authtoken_token_user_id_35299eff_fk_accounts_user_id" FOREIGN KEY ("user_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX "authtoken_token_key_10f0b77e_like" ON "authtoken_token" ("key" varchar_pattern_ops);
CREATE TABLE "django_session" (
  "session_key" varchar(40) NOT NULL PRIMARY KEY,
  "session_data" text NOT NULL,
  "expire_date" timestamp with time zone NOT NULL
);
CREATE INDEX "django_session_session_key_c0390e0f_like" ON "django_session" ("session_key" varchar_pattern_ops);
CREATE INDEX "django_session_expire_date_a5c62663" ON "django_session" ("expire_date");
INSERT INTO django_migrations (app, name, applied) VALUES
  ('contenttypes', '0001_initial', 'now'),
  ('contenttypes', '0002_remove_content_type_name', 'now'),
  ('auth', '0001_initial', 'now'),
  ('auth', '0002_alter_permission_name_max_length', 'now'),
  ('auth', '0003_alter_user_email_max_length', 'now'),
  ('auth', '0004_alter_user_username_opts', 'now'),
  ('auth', '0005_alter_user_last_login_null', 'now'),
  ('auth', '0006_require_contenttypes_0002', 'now'),
  ('auth', '0007_alter_validators_add_error_messages', 'now'),
  ('auth', '0008_alter_user_username_max_length', 'now'),
  ('auth', '0009_alter_user_last_name_max_length', 'now'),
  ('auth', '0010_alter_group_name_max_length', 'now'),
  ('auth', '0011_update_proxy_permissions', 'now'),
  ('auth', '0012_alter_user_first_name_max_length', 'now'),
  ('accounts', '0001_initial', 'now'),
  ('admin', '0001_initial', 'now'),
  ('admin', '0002_logentry_remove_auto_add', 'now'),
  ('admin', '0003_logentry_add_action_flag_choices', 'now'),
  ('authtoken', '0001_initial', 'now'),
  ('authtoken', '0002_auto_20160226_1747', 'now'),
  ('authtoken', '0003_tokenproxy', 'now'),
  ('sessions', '0001_initial', 'now');
INSERT INTO django_content_type (app_label, model) VALUES
  ('admin', 'logentry'),
  ('auth', 'permission'),
  ('auth', 'group'),
  ('contenttypes', 'contenttype'),
  ('sessions', 'session'),
  ('authtoken', 'token'),
  ('authtoken', 'tokenproxy'),
  ('accounts', 'user');
INSERT INTO auth_permission (name, content_type_id, codename) VALUES
  ('Can add log entry', 1, 'add_logentry'),
  ('Can change log entry', 1, 'change_logentry'),
  ('Can delete log entry', 1, 'delete_logentry'),
  ('Can view log entry', 1, 'view_logentry'),
  ('Can add permission', 2, 'add_permission'),
  ('Can change permission', 2, 'change_permission'),
  ('Can delete permission', 2, 'delete_permission'),
  ('Can view permission', 2, 'view_permission'),
  ('Can add group', 3, 'add_group'),
  ('Can change group', 3, 'change_group'),
  ('Can delete group', 3, 'delete_group'),
  ('Can view group', 3, 'view_group'),
  ('Can add content type', 4, 'add_contenttype'),
  ('Can change content type', 4, 'change_contenttype'),
  ('Can delete content type', 4, 'delete_contenttype'),
  ('Can view content type', 4, 'view_contenttype'),
  ('Can add session', 5, 'add_session'),
  ('Can change session', 5, 'change_session'),
  ('Can delete session', 5, 'delete_session'),
  ('Can view session', 5, 'view_session'),
  ('Can add Token', 6, 'add_token'),
  ('Can change Token', 6, 'change_token'),
  ('Can delete Token', 6, 'delete_token'),
  ('Can view Token', 6, 'view_token'),
  ('Can add token', 7, 'add_tokenproxy'),
  ('Can change token', 7, 'change_tokenproxy'),
  ('Can delete token', 7, 'delete_tokenproxy'),
  ('Can view token', 7, 'view_tokenproxy'),
  ('Can add user', 8, 'add_user'),
  ('Can change user', 8, 'change_user'),
  ('Can delete user', 8, 'delete_user'),
  ('Can view user', 8, 'view_user');
