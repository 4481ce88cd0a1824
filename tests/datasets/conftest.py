"""Tables and images in the authors' layouts, made here: no dataset's own files are needed."""

import csv

import cv2
import numpy as np
import openpyxl
import pytest


def write_xlsx(path, rows, sheet="Sheet1", others=()):
    """A workbook with one filled sheet, blank ones after it."""
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    for name in others:
        book.create_sheet(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows(rows)
    return path


def image_bytes(number=0, suffix=".png", shape=(24, 32)):
    """An image with structure whose top left pixel tells its number."""
    values = np.random.default_rng(number).integers(0, 255, shape, dtype=np.uint8)
    values[0, 0] = number % 256
    done, data = cv2.imencode(suffix, values)
    assert done
    return data.tobytes()


def write_frames(folder, numbers, name="{}.png"):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        file = folder / name.format(number)
        file.write_bytes(image_bytes(number, file.suffix))


class Make:
    """The writers, as one fixture."""

    xlsx = staticmethod(write_xlsx)
    csv = staticmethod(write_csv)
    frames = staticmethod(write_frames)
    image = staticmethod(image_bytes)


@pytest.fixture
def make():
    return Make


@pytest.fixture(autouse=True)
def no_data_of_this_machine(monkeypatch):
    monkeypatch.delenv("MEBIAS_DATA", raising=False)
