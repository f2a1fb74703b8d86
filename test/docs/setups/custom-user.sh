# For docs/django.md: a project whose user model is the class accounts.$1, on a database of its own. What follows works on these, until
# `back_to_shop`.

SHOP_URL=${SHOP_URL:-$OWNER_URL}
database=${1,,}_shop
psql -q "$SUPERUSER_URL" -c "create database $database owner shop"
OWNER_URL=${SHOP_URL%/*}/$database
SERVICE_URL=${OWNER_URL/shop:shop-secret/user_admin_service:service-secret}
export AUTH_USER_MODEL=accounts.$1 PREFIX=/admin

mkdir "$PROJECT/../$database" && cd "$_"
django-admin startproject custom .
python3 manage.py startapp accounts
cat >accounts/models.py <<END
from django.contrib.auth.models import AbstractUser

class $1(AbstractUser):
    pass
END
cat >>custom/settings.py <<END
INSTALLED_APPS += ['accounts']
AUTH_USER_MODEL = '$AUTH_USER_MODEL'
DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'HOST': '127.0.0.1', 'NAME': '$database', 'USER': 'shop',
                         'PASSWORD': 'shop-secret'}}
END
python3 manage.py makemigrations accounts
python3 manage.py migrate
cd "$CHECKOUT"
DATABASE_URL=$OWNER_URL npm run -s cli -- migrate

# The service, with the role and the grants: a superuser changes itself.
try_service() {
  local url="http://127.0.0.1:$PORT/admin/users/1/"
  DATABASE_URL=$OWNER_URL npm run -s cli -- create-superuser --username boss <"$DOCS_WORLD/typed"
  DATABASE_URL=$OWNER_URL npm run -s cli -- create-key --username boss >boss.key
  stop npm start
  DATABASE_URL=$SERVICE_URL npm start
  curl -X POST "${url%/users/1/}/groups/" -H "Authorization: Bearer $(cat boss.key)" -H 'Content-Type: application/json' -d '{"name": "all"}'
  curl -X PATCH "$url" -H "Authorization: Bearer $(cat boss.key)" -H 'Content-Type: application/json' -d '{"groups": [1], "user_permissions": [1]}'
}

back_to_shop() {
  stop npm start
  psql -q "$SUPERUSER_URL" -c 'drop database user_shop' -c 'drop database member_shop'
  OWNER_URL=$SHOP_URL
  export AUTH_USER_MODEL=auth.User
}
