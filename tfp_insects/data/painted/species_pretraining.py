"""Twelve more species, none of them among the study's: for pretraining where no ImageNet weights are at hand."""

from tfp_insects.data.painted.species import Antennae, Eyes, Legs, Palette, Part, Pattern, Species, Wings

CICADA = Species(
    name="cicada",
    head=Part(0.14, 0.44, widest=0.6, blunt=0.4),
    thorax=Part(0.34, 0.46, widest=0.4, blunt=0.35),
    abdomen=Part(0.5, 0.4, widest=0.2, blunt=0.6),
    eyes=Eyes(0.11, apart=1.0),
    antennae=Antennae(0.07, (20, 40)),
    legs=Legs((0.3, 0.28, 0.34), width=0.035),
    wings=(Wings(0.95, 0.34, (148, 164), widest=0.55, alpha=85, decor=("veins", "border")),),
    patterns=(
        Pattern("thorax", "spots", (1, 3), (0.25, 0.45)),
        Pattern("abdomen", "bands", (4, 7), (0.2, 0.4)),
    ),
    palettes=(
        Palette((70, 90, 50), (86, 104, 56), (60, 66, 46), mark=(34, 36, 30), legs=(90, 110, 60), eyes=(90, 60, 40)),
        Palette((60, 46, 36), (84, 62, 44), (96, 70, 50), mark=(40, 30, 26), legs=(90, 66, 46), eyes=(150, 50, 36)),
    ),
)

COCKROACH = Species(
    name="cockroach",
    head=Part(0.08, 0.16, blunt=0.4),
    thorax=Part(0.22, 0.36, widest=0.6, blunt=0.4),
    abdomen=Part(0.72, 0.4, widest=0.45, blunt=0.38, wing_case=True),
    antennae=Antennae(0.85, (20, 60), curve=60),
    legs=Legs((0.36, 0.44, 0.6), (45, 105, 145), width=0.03),
    patterns=(
        Pattern("thorax", "spots", (1, 1), (0.3, 0.6)),
        Pattern("abdomen", "stripes", (4, 8), (0.08, 0.16)),
    ),
    gloss=0.9,
    extras=("tails",),
    palettes=(
        Palette((80, 40, 24), (140, 80, 40), (120, 62, 32), mark=(70, 34, 22), legs=(110, 62, 34), spread=0.2),
        Palette((40, 28, 22), (52, 36, 28), (46, 32, 26), mark=(30, 22, 18), legs=(60, 40, 30), spread=0.2),
        Palette((130, 90, 50), (180, 136, 80), (166, 120, 70), mark=(60, 42, 30), legs=(150, 110, 66), spread=0.2),
    ),
)

DRAGONFLY = Species(
    name="dragonfly",
    head=Part(0.1, 0.2, blunt=0.4),
    thorax=Part(0.22, 0.16, blunt=0.42),
    abdomen=Part(0.74, 0.08, widest=0.3, blunt=0.25),
    eyes=Eyes(0.12, apart=0.45),
    antennae=Antennae(0.04, (20, 40)),
    legs=Legs((0.14, 0.14, 0.16), (40, 70, 120), width=0.014),
    wings=(
        Wings(0.68, 0.17, (92, 108), widest=0.45, alpha=75, above=False, decor=("veins", "tip")),
        Wings(0.7, 0.13, (70, 88), widest=0.6, alpha=75, above=False, decor=("veins", "tip")),
    ),
    patterns=(Pattern("abdomen", "bands", (5, 9), (0.15, 0.5)), Pattern("thorax", "stripes", (2, 3), (0.2, 0.4))),
    palettes=(
        Palette((70, 90, 90), (80, 110, 80), (60, 120, 170), mark=(28, 32, 38), eyes=(60, 110, 140), spread=0.15),
        Palette((110, 50, 34), (130, 60, 40), (186, 52, 34), mark=(90, 34, 28), eyes=(140, 50, 34), spread=0.15),
        Palette((70, 90, 46), (90, 120, 56), (110, 120, 60), mark=(34, 36, 28), eyes=(90, 110, 60), spread=0.15),
        Palette((110, 90, 40), (150, 120, 50), (206, 166, 52), mark=(40, 34, 28), eyes=(110, 80, 50), spread=0.15),
    ),
)

EARWIG = Species(
    name="earwig",
    head=Part(0.13, 0.14, blunt=0.4),
    thorax=Part(0.24, 0.18, widest=0.5, blunt=0.3, wing_case=True),
    abdomen=Part(0.5, 0.2, widest=0.6, blunt=0.3),
    antennae=Antennae(0.42, (20, 45), curve=30),
    legs=Legs((0.24, 0.26, 0.3), width=0.024),
    patterns=(Pattern("abdomen", "bands", (6, 8), (0.15, 0.3)),),
    gloss=0.9,
    extras=("pincers",),
    palettes=(
        Palette(
            (100, 56, 32), (130, 84, 48), (90, 50, 32), mark=(50, 30, 22), accent=(120, 66, 36), legs=(170, 124, 70)
        ),
        Palette((60, 38, 28), (90, 62, 40), (56, 36, 28), mark=(34, 24, 20), accent=(96, 54, 34), legs=(140, 100, 60)),
    ),
)

FIREBUG = Species(
    name="firebug",
    head=Part(0.13, 0.15, widest=0.6, blunt=0.45),
    thorax=Part(0.2, 0.33, widest=0.75, blunt=0.4),
    abdomen=Part(0.62, 0.42, widest=0.5, blunt=0.45),
    eyes=Eyes(0.05, apart=0.95),
    antennae=Antennae(0.4, (30, 50), curve=20),
    legs=Legs((0.34, 0.36, 0.46), width=0.026),
    patterns=(
        Pattern("thorax", "patch", (1, 1), (0.5, 0.7)),
        Pattern("abdomen", "shield"),
        Pattern("abdomen", "spots", (1, 2), (0.35, 0.6), extent=(0.15, 0.75)),
    ),
    palettes=(
        Palette((30, 26, 26), (200, 54, 34), (206, 52, 32), mark=(28, 24, 24), spread=0.12),
        Palette((34, 28, 26), (216, 120, 50), (210, 104, 40), mark=(34, 28, 26), spread=0.12),
    ),
)

GRASSHOPPER = Species(
    name="grasshopper",
    head=Part(0.18, 0.16, widest=0.6, blunt=0.4),
    thorax=Part(0.26, 0.19, blunt=0.32),
    abdomen=Part(0.72, 0.18, widest=0.25, blunt=0.5, wing_case=True),
    eyes=Eyes(0.07),
    antennae=Antennae(0.28, (20, 40)),
    legs=Legs((0.24, 0.26, 0.86), (50, 90, 150), width=0.026, jump=3.2),
    patterns=(
        Pattern("abdomen", "speckles", (0, 10), (0.04, 0.1)),
        Pattern("thorax", "stripes", (1, 3), (0.1, 0.3)),
    ),
    gloss=0.3,
    palettes=(
        Palette((104, 140, 56), (110, 150, 58), (128, 150, 70), mark=(80, 84, 46), legs=(110, 146, 60), spread=0.15),
        Palette((126, 100, 66), (134, 106, 70), (146, 118, 80), mark=(78, 58, 42), legs=(130, 102, 68), spread=0.15),
        Palette((96, 92, 84), (104, 98, 90), (120, 112, 100), mark=(60, 54, 50), legs=(150, 70, 56), spread=0.15),
    ),
)

MANTIS = Species(
    name="mantis",
    head=Part(0.1, 0.2, widest=0.3, blunt=0.7),
    thorax=Part(0.42, 0.09, widest=0.3, blunt=0.3),
    abdomen=Part(0.62, 0.2, widest=0.5, blunt=0.42, wing_case=True),
    eyes=Eyes(0.07, apart=0.95),
    antennae=Antennae(0.3, (15, 40)),
    legs=Legs((0.5, 0.52, 0.6), (100, 120, 145), width=0.022),
    patterns=(Pattern("abdomen", "stripes", (0, 6), (0.06, 0.14)),),
    gloss=0.3,
    extras=("grasping_legs",),
    palettes=(
        Palette((120, 170, 70), (124, 172, 70), (130, 180, 80), mark=(84, 130, 54), legs=(120, 166, 70), spread=0.12),
        Palette((150, 120, 80), (154, 122, 80), (160, 128, 86), mark=(104, 80, 54), legs=(146, 116, 76), spread=0.12),
    ),
)

MOSQUITO = Species(
    name="mosquito",
    head=Part(0.08, 0.09),
    thorax=Part(0.18, 0.15, fuzz=0.05),
    abdomen=Part(0.46, 0.09, widest=0.5, blunt=0.3),
    eyes=Eyes(0.05, apart=0.7),
    antennae=Antennae(0.2, (20, 35), form="feather"),
    legs=Legs((0.6, 0.7, 0.95), (45, 95, 140), width=0.014),
    wings=(Wings(0.5, 0.11, (130, 168), alpha=70),),
    patterns=(Pattern("abdomen", "bands", (5, 8), (0.2, 0.45), colour="accent"),),
    gloss=0.2,
    extras=("snout",),
    palettes=(
        Palette((60, 50, 42), (90, 74, 58), (80, 64, 52), mark=(40, 34, 30), accent=(170, 156, 136), spread=0.2),
        Palette((34, 32, 32), (42, 40, 40), (36, 34, 34), mark=(24, 22, 22), accent=(226, 224, 216), spread=0.2),
    ),
)

MOTH = Species(
    name="moth",
    head=Part(0.12, 0.16, fuzz=0.2),
    thorax=Part(0.28, 0.26, fuzz=0.2),
    abdomen=Part(0.44, 0.2, widest=0.35, blunt=0.5, fuzz=0.1),
    antennae=Antennae(0.28, (40, 65), form="feather"),
    legs=Legs((0.2, 0.18, 0.18), width=0.024),
    wings=(
        Wings(0.56, 0.4, (128, 145), 0.6, 0.45, 0.5, 255, True, (0.75, 1.0), ("border",)),
        Wings(0.82, 0.42, (100, 136), 0.74, 0.5, 0.3, 255, True, (0.8, 1.0), ("bars", "eyespot", "dots")),
    ),
    gloss=0.0,
    palettes=(
        Palette((120, 100, 80), (134, 112, 88), (150, 128, 100), mark=(80, 62, 48), wings=(150, 124, 94), spread=0.15),
        Palette(
            (110, 108, 104), (124, 120, 116), (140, 136, 130), mark=(66, 62, 60), wings=(160, 156, 148), spread=0.15
        ),
        Palette(
            (140, 110, 60), (190, 160, 100), (200, 160, 90), mark=(120, 80, 44), wings=(216, 184, 120), spread=0.15
        ),
        Palette((90, 60, 50), (110, 70, 56), (190, 90, 60), mark=(226, 210, 180), wings=(120, 76, 56), spread=0.15),
    ),
)

SAWFLY = Species(
    name="sawfly",
    head=Part(0.15, 0.24, blunt=0.38),
    thorax=Part(0.32, 0.27, blunt=0.4),
    abdomen=Part(0.56, 0.25, widest=0.5, blunt=0.38),
    eyes=Eyes(0.08),
    antennae=Antennae(0.3, (25, 45), curve=10, form="club"),
    legs=Legs((0.34, 0.38, 0.5), width=0.028),
    wings=(
        Wings(0.5, 0.17, (120, 160), alpha=75, decor=("veins",)),
        Wings(0.68, 0.2, (105, 155), alpha=75, decor=("veins", "tip")),
    ),
    patterns=(
        Pattern("thorax", "patch", (1, 1), (0.3, 0.6)),
        Pattern("abdomen", "bands", (1, 7), (0.3, 0.6), extent=(0.2, 1.0)),
    ),
    palettes=(
        Palette((34, 30, 28), (40, 34, 30), (216, 150, 44), mark=(32, 28, 26), legs=(200, 150, 60)),
        Palette((44, 60, 36), (60, 96, 50), (116, 150, 64), mark=(30, 32, 28), legs=(120, 140, 70)),
        Palette((30, 28, 28), (36, 32, 32), (180, 76, 40), mark=(28, 26, 26), legs=(160, 80, 44)),
    ),
)

STAG_BEETLE = Species(
    name="stag_beetle",
    head=Part(0.18, 0.32, blunt=0.3),
    thorax=Part(0.2, 0.38, widest=0.5, blunt=0.32),
    abdomen=Part(0.6, 0.4, widest=0.35, blunt=0.42, wing_case=True),
    antennae=Antennae(0.2, (60, 80), form="elbow"),
    legs=Legs((0.44, 0.42, 0.48), width=0.034),
    patterns=(Pattern("abdomen", "stripes", (0, 4), (0.05, 0.15)),),
    gloss=1.0,
    extras=("jaws",),
    palettes=(
        Palette((32, 26, 26), (34, 28, 26), (84, 44, 32), mark=(50, 28, 24), accent=(96, 40, 30), spread=0.2),
        Palette((28, 26, 28), (30, 28, 30), (36, 32, 34), mark=(20, 18, 20), accent=(40, 32, 32), spread=0.2),
        Palette((110, 66, 34), (124, 74, 38), (150, 96, 48), mark=(84, 50, 30), accent=(90, 50, 30), spread=0.2),
    ),
)

WEEVIL = Species(
    name="weevil",
    head=Part(0.15, 0.16, widest=0.7, blunt=0.5),
    thorax=Part(0.26, 0.27, widest=0.6, blunt=0.42),
    abdomen=Part(0.6, 0.46, widest=0.45, blunt=0.45, wing_case=True),
    eyes=Eyes(0.045),
    antennae=Antennae(0.24, (45, 70), form="elbow"),
    legs=Legs((0.4, 0.4, 0.48), width=0.04),
    patterns=(
        Pattern("abdomen", "stripes", (3, 6), (0.15, 0.3)),
        Pattern("abdomen", "speckles", (0, 10), (0.03, 0.07), colour="accent"),
    ),
    gloss=0.3,
    extras=("snout",),
    palettes=(
        Palette((70, 56, 44), (84, 66, 50), (96, 78, 58), mark=(56, 44, 36), accent=(170, 150, 110), spread=0.2),
        Palette((80, 110, 60), (90, 130, 66), (104, 146, 76), mark=(66, 96, 50), accent=(170, 190, 110), spread=0.2),
        Palette((34, 32, 32), (40, 38, 38), (44, 40, 40), mark=(26, 24, 24), accent=(140, 130, 110), spread=0.2),
    ),
)

PRETRAINING_SPECIES = (
    CICADA,
    COCKROACH,
    DRAGONFLY,
    EARWIG,
    FIREBUG,
    GRASSHOPPER,
    MANTIS,
    MOSQUITO,
    MOTH,
    SAWFLY,
    STAG_BEETLE,
    WEEVIL,
)
