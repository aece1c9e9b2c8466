"""The typefaces of invented wordmarks: published under open licences, fetched from npm, pinned."""

from __future__ import annotations

from training.data.rendered.typefaces import Typeface, fontsource

WORD_FACES: tuple[Typeface, ...] = (
    fontsource(
        "Abril Fatface", "abril-fatface", 400, "261304489f1ad9509af041947230865e79ae1e7c75c330b75d42d67a5c4a8aff"
    ),
    fontsource(
        "Alfa Slab One", "alfa-slab-one", 400, "9a23f35cd084f78793d3375618def5b8a56251df4191edce109a7738b54148b0"
    ),
    fontsource("Amatic Sc", "amatic-sc", 700, "76e588455c315b57c558b8ad2bafd1c91cc7c764a6333f6bb5a3dcc4a35c390c"),
    fontsource("Anton", "anton", 400, "796d0b1b7a503636458c0869ef9993659411c86443a4e4e7555ead4b29293db4"),
    fontsource(
        "Archivo Black", "archivo-black", 400, "f035e17cec2b7c7145faed8d002eb7800b8b5b407605a45ad56fe1ca09c25372"
    ),
    fontsource("Arvo", "arvo", 700, "619c0fe2044237e0acb68c1b7139c53d2060b5189c789066c8af7960d26ceb53"),
    fontsource("Audiowide", "audiowide", 400, "d3aeff4a87b2c1370516b0820d88fc94f7a992aed4f5dfca5338c054df3dc10c"),
    fontsource("Baloo 2", "baloo-2", 600, "9329959b797c3dde7325b0957bce0584e9962322e297c0ca4f0cc97ac3640c84"),
    fontsource("Bebas Neue", "bebas-neue", 400, "57928e0ee30b9e8a99033cdd5dc74ad06761007b4ad8fc32173e5d9072ba91fa"),
    fontsource(
        "Black Ops One", "black-ops-one", 400, "b4fed39b3bb1fccda1f9d0778add663f7d3fccf9422728a166ce4034d2aba7d5"
    ),
    fontsource("Bungee", "bungee", 400, "f234c4f04bd83c859ee04bfdbfaa69bc740fccbeccab5e98631f6787fd696179"),
    fontsource("Caveat", "caveat", 600, "ebf746fc0667b9d10fcac7c8604e2ba40a264da85a1c9b48bd679c0af3221293"),
    fontsource("Comfortaa", "comfortaa", 600, "5c82d14fe6efc746213748a2835b7aa7b6e07409f1611eaee52eb25e0bdfcca6"),
    fontsource(
        "Courier Prime", "courier-prime", 700, "fd204a077d81426e1425baed6d471ad78a8eccca931091e661637bb10b5f2724"
    ),
    fontsource(
        "Dancing Script", "dancing-script", 600, "e392efa74afec672f1c97f8699a16bb8439c8aca1a367ddb5cd035f11e70e31a"
    ),
    fontsource("Dm Sans", "dm-sans", 500, "48109b74c1a2758ce0274766b877132f023fde5325911f7172c43a5d4b5d8c7a"),
    fontsource("Exo 2", "exo-2", 600, "82ef50ecfba884505fc37362224db4c453ffd81956354436aac491938dec83b5"),
    fontsource("Fredoka", "fredoka", 500, "3826ef8182dca8bec112e8320cd42c4aaec1b4cad9f6a3a2eaa4c98ee7ece323"),
    fontsource("Great Vibes", "great-vibes", 400, "0bfdc957fa42a6d17288fce79a9299dab14742b77bdbb223c4385739d4035ca9"),
    fontsource("Josefin Sans", "josefin-sans", 500, "a89f83ae9d414f027af83546b84e09ac81e960024dfdeea3bcb491e8ed52a962"),
    fontsource(
        "Kaushan Script", "kaushan-script", 400, "1d665df77f4bcd3fbf106c9adc1405fc1d0ec492270d5c23b597f00da2f6515d"
    ),
    fontsource("Lato", "lato", 700, "50db251f16e9a6c35fe0177b4692b7ec78478b9734c9272d980a75343638aa5c"),
    fontsource("Lobster", "lobster", 400, "4ac6f6ab805b684026cb719f55dd605c892ca5d1db3f32fca88ca554a63b86d7"),
    fontsource("Lora", "lora", 500, "3f2e66b0934b8652bb1a37645a9fc3e77e83b5841a09e97174e7bb11e11063c9"),
    fontsource("Merriweather", "merriweather", 700, "348f20a775e50a50b508ab6660771df6905ab2ea695c6c2a8df889c5cceec42f"),
    fontsource("Monoton", "monoton", 400, "ca31480b5cbf4bd7d95dbcef0d3b90965685de5b071fa6281cc4fccd586ac06d"),
    fontsource("Noto Serif", "noto-serif", 600, "846d219c2c9c668ebe2b5ca0e76c403a35f847d83c4c441c107f9bdc152830df"),
    fontsource("Nunito", "nunito", 700, "4d8e1fb4f4a40c125c7a302b21e5c6810b86569b60bac0fa0405c04380f4c77b"),
    fontsource("Open Sans", "open-sans", 600, "95e6dd90f5860d0de22f791b6d802598743762c62e4894bfa26f80b1ea0cf3f5"),
    fontsource("Orbitron", "orbitron", 700, "a9b5e98a3421cd897d7bc0c1d8683579d07191e03090913381daebbbe735f492"),
    fontsource("Oswald", "oswald", 500, "27bf46420288bb65bd186638cde54686aa8f9d5dc975b1d597dfe81a7dd472cb"),
    fontsource("Pacifico", "pacifico", 400, "397f4f0a8a4c44e929cafa4cfede7240f7ac81a922f6779d3fefe2192c67d619"),
    fontsource(
        "Permanent Marker", "permanent-marker", 400, "1fc372d174353a87b0ae7bb9651e32e7d1731f9e0b4c50c5d8704baea032bc1b"
    ),
    fontsource("Pirata One", "pirata-one", 400, "b08505bef8f1ddee4cfc826f6c8e79fe1326cd59343cfd578c8a339fa5b84d33"),
    fontsource("Poppins", "poppins", 600, "f4779bb12acaaa07dc7dd8da82ab0f61515fea2f30664535f7a249eeb0dd5bcf"),
    fontsource(
        "Press Start 2p", "press-start-2p", 400, "7aa0c201772e5099e713f99ce4117c56ebdda85cb4d95b81f22922c13f655e37"
    ),
    fontsource("Quicksand", "quicksand", 600, "237b3cc84bf92c235e17f11fcb54e8a889efeaed9a7bff4bacce8cb422e0a403"),
    fontsource("Raleway", "raleway", 600, "d5dc5cb4563286e45c5b832b0718fa36d84148405cf6f5d1903615a74d253ea8"),
    fontsource("Righteous", "righteous", 400, "f1eef6d5e0b87e0cba26208279d468f29139adddc339a98d61fcb8d7e374b4e3"),
    fontsource(
        "Roboto Condensed", "roboto-condensed", 700, "03b2f8c75e4a4af7ae6180d0f3e9171a6dcbbcd5b1a02c48f5bcbd043a7a9868"
    ),
    fontsource("Roboto Slab", "roboto-slab", 700, "45d42c2f30be7fa361c673a297cb75e151e977a57905e449d25875adf97e77f5"),
    fontsource("Rokkitt", "rokkitt", 600, "be52f3fb73a6ad2d91bf68f5b657e6e319ee98f3e6be89931d80a160c384f431"),
    fontsource("Rubik", "rubik", 500, "3f34e5588fcd07e01f1a5d667e5df1a6b287aeefba5b6e46f892131009a0db6a"),
    fontsource("Russo One", "russo-one", 400, "95d885699fb56aa9a737eb6dcdb60891746ddeaf27a81b73e1ffd82704510fd8"),
    fontsource("Satisfy", "satisfy", 400, "279d9fe5546d3facc33e3730f64493734fd70813af1bb8c979756242789092a5"),
    fontsource(
        "Space Grotesk", "space-grotesk", 600, "2adb650694b6387b1862fee8b086a3a47ce9f32c10f20b8ec109aa1fcdfd07b7"
    ),
    fontsource(
        "Special Elite", "special-elite", 400, "c4b33d38d9829a962bcb3fe8067ee8ce062c2a936e9e01fc072ddaf9cc897460"
    ),
    fontsource("Teko", "teko", 500, "ed90afc402c7939762eaf2a10cda3418187faecfef021f59fc8ea3eee94bc7ea"),
    fontsource("Ultra", "ultra", 400, "a925ba2567cff20fae72610c585d49141db1cb92984eaed828f81f5be2dd476e"),
    fontsource(
        "Unifrakturcook", "unifrakturcook", 700, "ad50231ed317614b8008d5debb278d5df522ec2ac889f74266b6a687cac086ab"
    ),
    fontsource("Work Sans", "work-sans", 600, "b1b1c5a7d7ae2a721e0a9235bfa294281d161a20934e9ede01e0aec2bdb2373a"),
    fontsource("Zilla Slab", "zilla-slab", 600, "b7db2f40f3aaeb44c0e1dfe3da1e5de96d177a674ffe5e5e012c59b6a01e8aab"),
)
"""SIL Open Font License 1.1; Permanent Marker, Roboto Slab, Satisfy, Special Elite and Ultra: Apache-2.0."""
