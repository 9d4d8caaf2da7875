"""What is wrong with a plan is said before any work, in a sentence with the file and the key."""

import shutil

import pytest
from plans import AS_IT_IS, write_fusion_plan

from converters.bundling.chain import steps
from converters.bundling.plan import read_plan
from converters.recipes import known_recipes, load_recipe
from edge_mm.errors import ConvertError


def test_a_plan_is_read_with_its_recipe_and_paths_beside_it(tmp_path):
    plan, (work,) = read_plan(write_fusion_plan(tmp_path))
    assert (plan.name, work.name, work.recipe.name) == ("tiny", "fusion", "as-it-is")
    assert work.model == tmp_path / "fusion.tflite"
    assert work.training == work.representative
    assert steps(work) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": "blue"}, r"tiny\.toml.*colour"),
        ({"window_s": "long"}, r"tiny\.toml.*window_s"),
        ({"name": "No Name"}, r"tiny\.toml.*name"),
        ({"version": "1/0"}, r"tiny\.toml.*version"),
        ({"hop_s": 20.0}, r"hop_s 20 is longer than window_s 10"),
        ({"fusion": {"model": "gone.keras"}}, r"graphs\.fusion\.model: .*gone\.keras is not there"),
        ({"fusion": {"evaluation": "gone.npz"}}, r"graphs\.fusion\.evaluation: .*gone\.npz is not there"),
        ({"fusion": {"speed": 3}}, r"graphs.*speed"),
        ({"recipe": "int8-magic"}, r"no recipe 'int8-magic': give a \.toml file or one of .*int8-static"),
        ({"recipe": "distilled-int8"}, "recipe distilled-int8 distils: name a teacher"),
        ({"recipe": "channels-50-int8"}, r"recipe channels-50-int8 changes the model: give a \.keras file"),
        ({"recipe": "int8-qat"}, r"recipe int8-qat changes the model: give a \.keras file"),
        ({"members": {"manifest.json": "rows.npz"}}, r"members\.'manifest\.json': build writes that itself"),
        ({"members": {"fusion.tflite": "rows.npz"}}, r"members\.'fusion\.tflite': build writes that itself"),
        ({"members": {"conversion.json": "rows.npz"}}, r"members\.'conversion\.json': build writes that itself"),
        ({"members": {"../card.md": "rows.npz"}}, r"members\.'\.\./card\.md': call it like"),
        ({"members": {"/etc/card.md": "rows.npz"}}, r"members\.'/etc/card\.md': call it like"),
        ({"members": {"card.md": "gone.md"}}, r"members\.card\.md: .*gone\.md is not there"),
        ({"golden": "gone.npz"}, r"golden: .*gone\.npz is not there"),
        ({"front_ends": "gone.json"}, r"front_ends: .*gone\.json is not there"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, changes, said):
    with pytest.raises(ConvertError, match=said):
        read_plan(write_fusion_plan(tmp_path, **changes))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name"),
        ("[graphs.fusion]\n", "name"),
        ("this is no TOML", r"tiny\.toml"),
        ('name = "\x00"\n', r"tiny\.toml"),
    ],
)
def test_a_file_that_is_no_plan_is_a_sentence(tmp_path, text, said):
    path = tmp_path / "tiny.toml"
    path.write_text(text)
    with pytest.raises(ConvertError, match=said):
        read_plan(path)


@pytest.mark.parametrize("path", ["gone.toml", "."])
def test_a_plan_that_is_not_there_is_a_sentence(tmp_path, path):
    with pytest.raises(ConvertError, match=r"gone\.toml|" + tmp_path.name):
        read_plan(tmp_path / path)


@pytest.mark.parametrize("name", ["../fusion", "vision/eye", "Vision", "a.b.c", ""])
def test_a_graph_has_a_name_that_can_be_a_member(tmp_path, name):
    path = write_fusion_plan(tmp_path)
    text = path.read_text()
    path.write_text(text + text[text.index("[graphs.fusion]") :].replace("[graphs.fusion]", f'[graphs."{name}"]'))
    with pytest.raises(ConvertError, match=r"call it like 'fusion' or 'vision\.eye'"):
        read_plan(path)


@pytest.mark.parametrize("graphs", ["graphs = 3", "graphs = {}"])
def test_a_plan_without_graphs_is_a_sentence(tmp_path, graphs):
    path = write_fusion_plan(tmp_path)
    path.write_text(path.read_text().split("[graphs.fusion]")[0] + graphs)
    with pytest.raises(ConvertError, match=r"tiny\.toml: no graphs"):
        read_plan(path)


def test_a_plan_without_a_fusion_is_sent_to_the_verb_for_single_graphs(tmp_path):
    path = write_fusion_plan(tmp_path)
    path.write_text(path.read_text().replace("[graphs.fusion]", "[graphs.eye]"))
    with pytest.raises(ConvertError, match=r"no graph called 'fusion'.*edge-mm-convert quantize"):
        read_plan(path)


def test_two_recipes_of_one_name_are_refused(tmp_path):
    path = write_fusion_plan(tmp_path)
    (tmp_path / "other.toml").write_text(AS_IT_IS.replace("nothing is done", "another"))
    text = path.read_text()
    again = text[text.index("[graphs.fusion]") :].replace("[graphs.fusion]", '[graphs.eye]\nrecipe = "other.toml"')
    path.write_text(text + again)
    with pytest.raises(ConvertError, match="another recipe is called as-it-is too"):
        read_plan(path)


@pytest.mark.parametrize("name", known_recipes())
def test_each_recipe_that_ships_reads_and_is_called_as_its_file(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.summary


def test_recipes_that_the_product_promises_are_there():
    promised = {"int8-static", "int8-qat", "channels-50-int8", "distilled-int8", "dynamic-range", "mixed-int8"}
    assert promised <= set(known_recipes())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "x"\n', "summary"),
        ('name = "x"\nsummary = ""\n[prune]\nkeep = 2\n', r"keep"),
        ('name = "x"\nsummary = ""\n[quantize]\nmode = "int4"\n', "mode"),
        ('name = "x"\nsummary = ""\nruntimes = ["jax"]\n', "runtimes"),
        ('name = "../x"\nsummary = ""\n', "name"),
    ],
)
def test_a_recipe_of_ones_own_that_is_wrong_is_named(tmp_path, text, said):
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(ConvertError, match=rf"own\.toml.*{said}"):
        load_recipe(str(tmp_path / "own.toml"))


def test_a_plan_moves_with_its_folder(tmp_path):
    write_fusion_plan(tmp_path / "one")
    shutil.move(tmp_path / "one", tmp_path / "two")
    _, (work,) = read_plan(tmp_path / "two" / "tiny.toml")
    assert work.model.is_file()
