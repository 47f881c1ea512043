"""The ten species of the drawn data set: well-known insects, some of them close in shape and colour."""

from tfp_insects.data.painted.species import Antennae, Eyes, Legs, Palette, Part, Pattern, Species, Wings

ANT = Species(
    name="ant",
    head=Part(0.24, 0.25, widest=0.6, blunt=0.4),
    thorax=Part(0.32, 0.15, widest=0.35, blunt=0.5),
    abdomen=Part(0.42, 0.28, widest=0.45, blunt=0.55),
    waist=0.1,
    eyes=Eyes(0.05, apart=0.75),
    antennae=Antennae(0.42, (25, 50), form="elbow"),
    legs=Legs((0.5, 0.52, 0.66), (45, 95, 140), width=0.026),
    patterns=(Pattern("abdomen", "bands", (2, 4), (0.1, 0.2)),),
    gloss=0.7,
    palettes=(
        Palette((38, 30, 28), (36, 28, 26), (26, 22, 22), mark=(70, 62, 58), legs=(40, 30, 26), spread=0.2),
        Palette((120, 56, 30), (140, 66, 34), (58, 36, 28), mark=(110, 70, 50), legs=(115, 58, 32), spread=0.2),
        Palette((150, 84, 40), (160, 90, 44), (120, 66, 34), mark=(90, 50, 28), legs=(150, 90, 46), spread=0.2),
    ),
)

BEE = Species(
    name="bee",
    head=Part(0.17, 0.25, blunt=0.45, fuzz=0.1),
    thorax=Part(0.3, 0.31, blunt=0.45, fuzz=0.18),
    abdomen=Part(0.52, 0.31, widest=0.38, blunt=0.55, fuzz=0.06),
    waist=0.01,
    eyes=Eyes(0.1),
    antennae=Antennae(0.2, (25, 45), form="elbow"),
    legs=Legs((0.34, 0.36, 0.46), width=0.034),
    wings=(
        Wings(0.44, 0.16, (125, 155), alpha=70),
        Wings(0.62, 0.19, (112, 150), alpha=70),
    ),
    patterns=(Pattern("abdomen", "bands", (4, 6), (0.35, 0.65), extent=(0.08, 1.0)),),
    gloss=0.3,
    palettes=(
        Palette((74, 56, 38), (150, 112, 62), (186, 122, 46), mark=(52, 36, 26), spread=0.15),
        Palette((54, 44, 36), (120, 96, 66), (196, 160, 104), mark=(44, 34, 28), spread=0.15),
        Palette((46, 40, 36), (136, 84, 44), (98, 76, 56), mark=(36, 28, 24), spread=0.15),
    ),
)

BUMBLEBEE = Species(
    name="bumblebee",
    head=Part(0.16, 0.25, blunt=0.45, fuzz=0.2),
    thorax=Part(0.36, 0.46, blunt=0.42, fuzz=0.2),
    abdomen=Part(0.52, 0.5, widest=0.42, blunt=0.45, fuzz=0.18),
    eyes=Eyes(0.07),
    antennae=Antennae(0.2, (25, 50), form="elbow"),
    legs=Legs((0.34, 0.38, 0.46), width=0.045),
    wings=(
        Wings(0.42, 0.17, (115, 150), alpha=85),
        Wings(0.62, 0.21, (100, 140), alpha=85),
    ),
    patterns=(
        Pattern("thorax", "bands", (1, 1), (0.3, 0.55), extent=(0.0, 0.5)),
        Pattern("abdomen", "bands", (1, 2), (0.35, 0.6), extent=(0.0, 0.55)),
        Pattern("abdomen", "bands", (1, 1), (0.8, 1.0), colour="accent", extent=(0.72, 1.0)),
    ),
    gloss=0.1,
    palettes=(
        Palette((34, 30, 30), (36, 32, 32), (34, 30, 30), mark=(226, 178, 52), accent=(232, 228, 214), spread=0.12),
        Palette((34, 30, 30), (36, 32, 32), (34, 30, 30), mark=(222, 190, 88), accent=(214, 150, 90), spread=0.12),
        Palette((30, 26, 26), (34, 30, 30), (32, 28, 28), mark=(60, 50, 44), accent=(196, 84, 36), spread=0.12),
        Palette((60, 46, 34), (176, 112, 50), (112, 84, 56), mark=(190, 130, 60), accent=(210, 180, 130), spread=0.12),
    ),
)

WASP = Species(
    name="wasp",
    head=Part(0.16, 0.25, blunt=0.4),
    thorax=Part(0.32, 0.25, blunt=0.42),
    abdomen=Part(0.56, 0.27, widest=0.32, blunt=0.62),
    waist=0.06,
    eyes=Eyes(0.09),
    antennae=Antennae(0.36, (25, 50), curve=40),
    legs=Legs((0.36, 0.42, 0.58), width=0.026),
    wings=(
        Wings(0.46, 0.1, (138, 165), alpha=75),
        Wings(0.68, 0.12, (128, 163), alpha=90),
    ),
    patterns=(
        Pattern("thorax", "spots", (1, 2), (0.25, 0.4), colour="abdomen"),
        Pattern("abdomen", "bands", (4, 6), (0.35, 0.6)),
        Pattern("abdomen", "spots", (0, 3), (0.15, 0.3), extent=(0.15, 0.8)),
    ),
    palettes=(
        Palette(
            (60, 48, 22), (32, 26, 22), (238, 196, 38), mark=(28, 24, 22), legs=(216, 160, 40), wings=(196, 156, 96)
        ),
        Palette(
            (40, 32, 24), (30, 26, 24), (226, 178, 44), mark=(34, 28, 24), legs=(190, 120, 40), wings=(150, 120, 90)
        ),
    ),
)

HOVERFLY = Species(
    name="hoverfly",
    head=Part(0.17, 0.29, blunt=0.4),
    thorax=Part(0.3, 0.27, blunt=0.42),
    abdomen=Part(0.52, 0.29, widest=0.42, blunt=0.45),
    eyes=Eyes(0.16, apart=0.6),
    antennae=Antennae(0.07, (10, 25)),
    legs=Legs((0.28, 0.32, 0.4), width=0.022),
    wings=(Wings(0.66, 0.2, (95, 140), widest=0.6, alpha=55),),
    patterns=(
        Pattern("abdomen", "bands", (2, 5), (0.3, 0.6), extent=(0.05, 1.0)),
        Pattern("abdomen", "stripes", (1, 1), (0.02, 0.12)),
    ),
    palettes=(
        Palette((90, 70, 40), (96, 88, 62), (232, 164, 40), mark=(36, 28, 24), legs=(190, 130, 50), eyes=(120, 44, 30)),
        Palette((80, 70, 50), (72, 74, 60), (230, 198, 60), mark=(30, 28, 26), legs=(180, 140, 60), eyes=(110, 50, 36)),
        Palette((70, 54, 38), (110, 84, 54), (176, 104, 44), mark=(46, 34, 26), legs=(70, 50, 32), eyes=(70, 40, 30)),
    ),
)

FLY = Species(
    name="fly",
    head=Part(0.17, 0.31, blunt=0.4),
    thorax=Part(0.34, 0.33, blunt=0.4),
    abdomen=Part(0.4, 0.34, widest=0.4, blunt=0.45),
    eyes=Eyes(0.16, apart=0.66),
    antennae=Antennae(0.06, (10, 25)),
    legs=Legs((0.38, 0.42, 0.5), width=0.03),
    wings=(Wings(0.6, 0.24, (125, 160), widest=0.6, alpha=60),),
    patterns=(
        Pattern("thorax", "stripes", (2, 4), (0.25, 0.45)),
        Pattern("abdomen", "bands", (0, 4), (0.1, 0.35)),
    ),
    gloss=0.8,
    palettes=(
        Palette((90, 84, 78), (128, 126, 120), (110, 106, 98), mark=(44, 42, 42), eyes=(140, 40, 30), spread=0.15),
        Palette((60, 60, 50), (56, 110, 66), (62, 128, 70), mark=(30, 70, 50), eyes=(130, 40, 30), spread=0.15),
        Palette((54, 56, 62), (60, 66, 84), (48, 62, 110), mark=(28, 34, 60), eyes=(120, 44, 34), spread=0.15),
        Palette((60, 52, 44), (64, 58, 52), (72, 62, 52), mark=(30, 28, 26), eyes=(90, 40, 32), spread=0.15),
    ),
)

LADYBIRD = Species(
    name="ladybird",
    head=Part(0.13, 0.24, blunt=0.35),
    thorax=Part(0.17, 0.46, widest=0.6, blunt=0.4),
    abdomen=Part(0.74, 0.74, widest=0.42, blunt=0.45, wing_case=True),
    eyes=Eyes(0.06),
    antennae=Antennae(0.12, (25, 50), form="club"),
    legs=Legs((0.44, 0.46, 0.5), (55, 100, 140), width=0.04),
    patterns=(
        Pattern("thorax", "spots", (1, 1), (0.4, 0.6), colour="accent"),
        Pattern("abdomen", "spots", (1, 6), (0.25, 0.5)),
    ),
    gloss=1.0,
    palettes=(
        Palette((28, 24, 24), (30, 26, 26), (204, 44, 28), mark=(26, 22, 22), spread=0.12),
        Palette((40, 30, 24), (50, 36, 30), (220, 104, 34), mark=(34, 26, 22), spread=0.12),
        Palette((60, 50, 30), (214, 180, 70), (226, 190, 56), mark=(32, 28, 24), spread=0.12),
        Palette((24, 22, 22), (28, 24, 24), (34, 28, 28), mark=(200, 50, 30), spread=0.12),
    ),
)

BEETLE = Species(
    name="beetle",
    head=Part(0.17, 0.2, widest=0.6, blunt=0.4),
    thorax=Part(0.24, 0.31, widest=0.55, blunt=0.35),
    abdomen=Part(0.66, 0.42, widest=0.55, blunt=0.42, wing_case=True),
    eyes=Eyes(0.05),
    antennae=Antennae(0.32, (30, 55), curve=40),
    legs=Legs((0.38, 0.4, 0.52), (50, 95, 140), width=0.034),
    patterns=(
        Pattern("abdomen", "stripes", (0, 6), (0.1, 0.25)),
        Pattern("abdomen", "speckles", (0, 8), (0.03, 0.07), colour="accent"),
    ),
    gloss=1.0,
    palettes=(
        Palette((30, 28, 28), (34, 32, 32), (38, 34, 34), mark=(18, 16, 16), accent=(80, 76, 70), spread=0.2),
        Palette((60, 40, 28), (84, 54, 34), (116, 72, 40), mark=(70, 42, 26), accent=(160, 120, 80), spread=0.2),
        Palette((44, 80, 44), (60, 116, 56), (64, 134, 62), mark=(36, 84, 44), accent=(200, 200, 150), spread=0.2),
        Palette((40, 44, 70), (44, 54, 96), (48, 62, 118), mark=(28, 36, 72), accent=(90, 110, 150), spread=0.2),
        Palette((34, 28, 26), (150, 44, 30), (170, 50, 32), mark=(110, 30, 24), accent=(60, 30, 26), spread=0.2),
    ),
)

BUTTERFLY = Species(
    name="butterfly",
    head=Part(0.1, 0.11, blunt=0.4),
    thorax=Part(0.24, 0.15, fuzz=0.15),
    abdomen=Part(0.42, 0.11, widest=0.4, blunt=0.4),
    eyes=Eyes(0.05),
    antennae=Antennae(0.36, (18, 35), curve=10, form="club"),
    legs=Legs((0.16, 0.16, 0.16), width=0.014),
    wings=(
        Wings(0.6, 0.5, (112, 132), 0.58, 0.45, 0.45, 255, False, (0.5, 1.0), ("veins", "border", "eyespot")),
        Wings(0.78, 0.48, (58, 76), 0.76, 0.5, 0.3, 255, False, (0.5, 1.0), ("veins", "tip", "eyespot", "border")),
    ),
    gloss=0.1,
    palettes=(
        Palette(
            (50, 40, 34), (66, 50, 38), (54, 42, 34), mark=(40, 30, 28), wings=(224, 118, 34), accent=(240, 236, 220)
        ),
        Palette(
            (70, 64, 56), (110, 104, 92), (96, 90, 80), mark=(64, 58, 56), wings=(236, 234, 218), accent=(60, 54, 54)
        ),
        Palette(
            (80, 70, 50),
            (130, 116, 70),
            (110, 100, 60),
            mark=(200, 180, 60),
            wings=(232, 216, 84),
            accent=(220, 120, 40),
        ),
        Palette(
            (50, 36, 32), (80, 50, 40), (60, 42, 36), mark=(54, 36, 34), wings=(160, 50, 34), accent=(90, 120, 190)
        ),
        Palette(
            (60, 60, 70), (80, 86, 110), (70, 74, 96), mark=(52, 54, 70), wings=(96, 130, 200), accent=(230, 234, 240)
        ),
        Palette(
            (54, 42, 34), (84, 66, 48), (70, 54, 40), mark=(60, 42, 32), wings=(128, 90, 58), accent=(224, 180, 100)
        ),
    ),
)

SHIELDBUG = Species(
    name="shieldbug",
    head=Part(0.14, 0.2, widest=0.65, blunt=0.45),
    thorax=Part(0.22, 0.58, widest=0.8, blunt=0.5),
    abdomen=Part(0.62, 0.56, widest=0.22, blunt=0.45),
    eyes=Eyes(0.05, apart=0.95),
    antennae=Antennae(0.36, (30, 50), curve=25),
    legs=Legs((0.36, 0.4, 0.48), (50, 95, 135), width=0.03),
    patterns=(
        Pattern("abdomen", "bands", (0, 5), (0.2, 0.4), colour="accent"),
        Pattern("abdomen", "shield"),
        Pattern("thorax", "speckles", (0, 6), (0.05, 0.1)),
    ),
    gloss=0.6,
    palettes=(
        Palette(
            (86, 128, 52), (92, 140, 56), (84, 130, 54), mark=(110, 84, 56), accent=(150, 160, 70), legs=(90, 120, 56)
        ),
        Palette(
            (110, 84, 56), (126, 96, 62), (112, 84, 56), mark=(74, 56, 42), accent=(200, 170, 110), legs=(110, 80, 54)
        ),
        Palette(
            (90, 100, 50), (140, 60, 50), (96, 130, 60), mark=(130, 54, 46), accent=(160, 150, 70), legs=(90, 100, 56)
        ),
        Palette((50, 30, 26), (180, 50, 34), (176, 46, 32), mark=(36, 26, 26), accent=(40, 28, 26), legs=(50, 34, 30)),
    ),
)

STUDY_SPECIES = (ANT, BEE, BEETLE, BUMBLEBEE, BUTTERFLY, FLY, HOVERFLY, LADYBIRD, SHIELDBUG, WASP)
