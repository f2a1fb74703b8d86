"""Django's own hasher with hardly any work: most tests have better things to wait for."""
from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickPasswordHasher(PBKDF2PasswordHasher):
    iterations = 1
