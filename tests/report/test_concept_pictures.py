from PIL import Image

from tfp_insects.report.concept_pictures import draw_concepts


def test_draws_every_picture_the_same_way_each_time(tmp_path):
    first, second = draw_concepts(tmp_path / "a"), draw_concepts(tmp_path / "b")
    assert [path.name for path in first] == [
        f"concept_{name}.png" for name in ("weight", "unit", "training", "prediction", "uncertainty")
    ]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        with Image.open(one) as image:
            assert image.width > 1000
            assert len(image.convert("RGB").getcolors(1 << 24)) > 50
