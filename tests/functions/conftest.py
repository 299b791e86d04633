from tests.emulator import emulator_host as emulator_host
from tests.emulator import firestore_project as firestore_project
