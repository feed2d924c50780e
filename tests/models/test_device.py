"""One argument names the device."""

from __future__ import annotations

import types
from pathlib import Path

import pytest
import torch

from otmf_core.errors import InputError
from otmf_core.models import device


def test_the_device_of_a_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device.resolve("auto") == torch.device("cuda")
    assert device.resolve("cuda:1") == torch.device("cuda", 1)
    assert device.resolve("cpu") == torch.device("cpu")
    assert device.resolve("mps") == torch.device("mps")
    with pytest.raises(InputError, match=r"^a device must be present on this machine, received 'cuda:2'$"):
        device.resolve("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.resolve("auto") == torch.device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device.resolve("auto") == torch.device("cpu")


@pytest.mark.parametrize("name", ["quantum", "", "cuda:x", "cpu cpu"])
def test_an_unknown_device(name: str):
    with pytest.raises(InputError, match=f"^a device is auto, cpu, cuda, cuda:N or mps, received '{name}'$"):
        device.resolve(name)


@pytest.mark.parametrize("name", ["cuda", "mps", "meta", "xpu"])
def test_an_absent_device(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match=f"^a device must be present on this machine, received '{name}'$"):
        device.resolve(name)


def test_on_cpu_nothing_is_cast_or_copied():
    cpu, tensor = torch.device("cpu"), torch.ones(3)
    with device.autocast(cpu):
        assert (tensor @ tensor).dtype == torch.float32
    assert device.to_device(tensor, cpu) is tensor


def test_peak_memory_is_what_the_kernel_says():
    status = Path("/proc/self/status")
    if not status.is_file():
        pytest.skip("needs /proc")
    peak = next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    assert device.peak_memory(torch.device("cpu")) == pytest.approx(peak, rel=0.05)


def test_the_peak_begins_anew_on_linux():
    if not Path("/proc/self/clear_refs").is_file():
        pytest.skip("needs /proc")
    cpu, size = torch.device("cpu"), 256 * 2**20
    device.reset_peak_memory(cpu)
    before = device.peak_memory(cpu)
    held = torch.ones(size // 4)
    assert device.peak_memory(cpu) >= before + 0.9 * size
    del held
    device.reset_peak_memory(cpu)
    assert device.peak_memory(cpu) < before + 0.5 * size


def test_freed_memory_of_large_models_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[int, int]] = []
    library = types.SimpleNamespace(mallopt=lambda *arguments: asked.append(arguments))
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: library)
    device.return_freed_memory(1_000_000)
    assert asked == []
    monkeypatch.setattr(device.sys, "platform", "linux")
    device.return_freed_memory(90_000_000)
    assert asked == [(-3, 1 << 20)]  # M_MMAP_THRESHOLD of malloc.h
    del library.mallopt  # another C library
    device.return_freed_memory(90_000_000)
    monkeypatch.setattr(device.sys, "platform", "darwin")
    device.return_freed_memory(90_000_000)
    assert len(asked) == 1


def test_every_visible_device_has_its_number_and_the_cpu_comes_last(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert device.devices() == ("cuda:0", "cuda:1", "cuda:2", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device.devices() == ("mps", "cpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device.devices() == ("cpu",)


def test_what_is_asked_of_cuda_is_asked_of_the_device_by_its_number(monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[str, torch.device]] = []
    for name in ("set_device", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda place, name=name: asked.append((name, place)))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda place: 10 + place.index)
    second = torch.device("cuda", 1)
    device.use(second)
    device.use(torch.device("cpu"))
    device.reset_peak_memory(second)
    assert asked == [("set_device", second), ("reset_peak_memory_stats", second)]
    assert device.peak_memory(second) == 11


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_on_the_last_cuda_device_tensors_arrive_are_cast_and_counted():
    last = torch.device(device.devices()[-2])
    device.use(last)
    device.reset_peak_memory(last)
    tensor = device.to_device(torch.arange(2**20, dtype=torch.float32), last)
    assert tensor.device == last and tensor.cpu().equal(torch.arange(2**20, dtype=torch.float32))
    with device.autocast(last):
        assert (tensor.view(1024, 1024) @ tensor.view(1024, 1024)).dtype == torch.bfloat16
    assert device.peak_memory(last) >= 4 * 2**20
