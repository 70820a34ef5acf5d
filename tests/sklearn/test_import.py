"""The import without scikit-learn."""

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["sklearn"] = None     # as if it were not installed
import stn_numba
try:
    import stn_numba.sklearn
except ImportError as error:
    print(error)
"""


def test_a_missing_library_is_named_with_the_extra():
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "stn_numba.sklearn needs scikit-learn: pip install stn-numba[sklearn]"


def test_the_library_itself_does_not_import_scikit_learn():
    program = "import sys, stn_numba, stn_numba.models, stn_numba.data; print('sklearn' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
