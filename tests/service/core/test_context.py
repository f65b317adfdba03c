import pytest

from service.core.context import open_context
from service.core.database import DatabaseError
from service.core.settings import Settings


def test_uncreatable_folder_gives_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatabaseError, match=r"^[^\n]*file[^\n]*$"):
        open_context(Settings(var_dir=tmp_path / "file" / "var"))
